# Installs the guard: every file by rename. Given: words, the services; files, each a name and its bytes in base64.
# Never stops or starts a service; what does not run is disabled.
param($given)
function Say([string[]]$lines) { foreach ($line in $lines) { [Console]::Out.Write("$line`n") } }
$root = Join-Path $env:ProgramData 'maestro-guard'
foreach ($unit in $given.words) {
    if ($null -eq (Get-Service -Name "$unit" -ErrorAction SilentlyContinue)) {
        Say 'refused=UnitNotFound', "message=there is no service $unit on this node"
        exit 10
    }
}
try {
    [void][IO.Directory]::CreateDirectory((Join-Path $root 'etc'))
    # Nobody but administrators and the system reads or writes here.
    & icacls.exe $root /inheritance:r /grant:r '*S-1-5-32-544:(OI)(CI)F' '*S-1-5-18:(OI)(CI)F' | Out-Null
    foreach ($file in $given.files) {
        $to = Join-Path $root $file.name
        [IO.File]::WriteAllBytes("$to.new", [Convert]::FromBase64String($file.content))
        if (Test-Path -LiteralPath $to) { [IO.File]::Replace("$to.new", $to, $null) } else { [IO.File]::Move("$to.new", $to) }
    }
} catch { Say 'unstored=WriteFailed', "message=could not write below $root"; exit 12 }
$action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "-NoProfile -NonInteractive -File `"$root\maestro-guard.ps1`" run"
$boot = New-ScheduledTaskTrigger -AtStartup
$often = New-ScheduledTaskTrigger -Once -At (Get-Date) -RepetitionInterval (New-TimeSpan -Minutes 1)
Register-ScheduledTask -TaskName maestro-guard -Action $action -Trigger $boot, $often -User SYSTEM -RunLevel Highest -Force | Out-Null
$gates = 'installed'
foreach ($unit in $given.words) {
    if ((Get-Service -Name "$unit").Status -eq 'Stopped') { Set-Service -Name "$unit" -StartupType Disabled } else { $gates = 'deferred' }
}
Say "gates=$gates"
exit 0
