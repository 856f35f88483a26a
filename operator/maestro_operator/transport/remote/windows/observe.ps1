# Reads a Windows node: by its guard where there is one, else what the service manager says. Given: words, the services.
param($given)
function Say([string[]]$lines) { foreach ($line in $lines) { [Console]::Out.Write("$line`n") } }
$root = Join-Path $env:ProgramData 'maestro-guard'
$guard = Join-Path $root 'maestro-guard.ps1'
if (Test-Path -LiteralPath $guard) {
    try { Say "bundle=$([IO.File]::ReadAllText((Join-Path $root 'bundle')).Trim())" } catch { Say 'bundle=' }
    & $guard observe
    exit $LASTEXITCODE
}
$machine = (Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Cryptography').MachineGuid
$number = (Get-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters').BootId
$sha = [Security.Cryptography.SHA256]::Create().ComputeHash([Text.Encoding]::UTF8.GetBytes("$machine $number"))
$boot = ([BitConverter]::ToString($sha)).Replace('-', '').ToLowerInvariant().Substring(0, 32)
$system = Get-CimInstance Win32_OperatingSystem
$up = [int]($system.LocalDateTime - $system.LastBootUpTime).TotalSeconds
Say 'state=absent', 'platform=Windows', "machine_id=$("$machine".ToLowerInvariant())", "boot_id=$boot", "uptime_seconds=$up"
Say 'holders=', 'listeners=', 'pins=', 'replica.live=absent'
foreach ($unit in $given.words) {
    $service = Get-Service -Name "$unit" -ErrorAction SilentlyContinue
    $active = if ($null -ne $service -and $service.Status -ne 'Stopped') { 'active' } else { 'inactive' }
    Say "unit.$unit=$active///"
}
exit 0
