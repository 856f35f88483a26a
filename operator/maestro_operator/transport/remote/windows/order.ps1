# Gives one order to the guard. Given: words.
param($given)
$guard = Join-Path $env:ProgramData 'maestro-guard\maestro-guard.ps1'
if (-not (Test-Path -LiteralPath $guard)) { [Console]::Out.Write("absent=yes`n"); exit 13 }
$words = @($given.words | ForEach-Object { "$_" })
& $guard @words
exit $LASTEXITCODE
