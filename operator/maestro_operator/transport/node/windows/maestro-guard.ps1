# maestro-guard for Windows: a node's own last word on who may run the services of one pair.
#
# The law of this file is that of the guard for Linux (maestro-guard), and so are its verbs, its refusals, the form of
# its answers and of its state: two slots with a checksum each, written through and read back under a lock.
# Needs Windows PowerShell 5.1 and OpenSSH. Never run on a Windows: PlatformUnverified.
#
# Output is key=value lines. Exit: 0 done; 10 refused=<Reason>; 11 unknown=<why>; 12 unstored=<why>; 2 usage;
# 1 failed=<why>: the state is stored and its effect is not complete, to be repeated.

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$VERSION = 1
$FORMAT = 1
$LOCK_SECONDS = 10
$SLOT_BYTES = 4096
$root = Join-Path $env:ProgramData 'maestro-guard'
$settings = Join-Path $root 'etc'
$state = Join-Path $root 'state'
$runtime = Join-Path $root 'run'
$lock = $null

# --- answers ---------------------------------------------------------------------------------------------------------

function Say([string[]]$lines) { foreach ($line in $lines) { [Console]::Out.Write("$line`n") } }
function Refuse([string]$word, [string]$text) { Say "refused=$word", "message=$text"; exit 10 }
function Unknown([string]$word, [string]$text) { Say "unknown=$word", "message=$text"; exit 11 }
function Unstored([string]$word, [string]$text) { Say "unstored=$word", "message=$text"; exit 12 }
function Fail([string]$word, [string]$text) { Say "failed=$word", "message=$text"; exit 1 }
function Usage([string]$text) { [Console]::Error.WriteLine("maestro-guard: $text"); exit 2 }
function Log([string]$text) {
    [Console]::Error.WriteLine("maestro-guard: $text")
    try { Write-EventLog -LogName Application -Source maestro-guard -EventId 1 -EntryType Information -Message $text } catch { }
}

# --- alphabets -------------------------------------------------------------------------------------------------------

function Is-Number($value) { $value -cmatch '\A(0|[1-9][0-9]{0,17})\z' }
function Is-Epoch($value) { $value -cmatch '\A[1-9][0-9]{0,17}\z' }
function Is-Name($value) { $value -cmatch '\A[a-z0-9][a-z0-9-]{0,62}\z' }
function Is-Id($value) { $value -cmatch '\A[A-Za-z0-9._][A-Za-z0-9._-]{0,63}\z' }
function Is-Host($value) { $value -cmatch '\A[A-Za-z0-9.:_][A-Za-z0-9.:_-]{0,252}\z' }
function Is-Unit($value) { $value -cmatch '\A[A-Za-z0-9:_.@][A-Za-z0-9:_.@-]{0,254}\z' }
function Is-Kind($value) { $value -cmatch '\A(Fenced|StandbyLost)\z' }
function Is-Folder($value) { $value -cmatch '\A[A-Z]:(/[A-Za-z0-9._-]+)+\z' -and $value -notmatch '/\.\.(/|\z)' }

# --- state -----------------------------------------------------------------------------------------------------------

$KEYS = 'pair', 'node', 'term', 'promised_epoch', 'promised_owner', 'promised_episode', 'inforce_epoch', 'inforce_owner',
    'inforce_episode', 'permit_epoch', 'permit_boot', 'maxpermit_epoch', 'maxpermit_boot', 'final', 'grant_epoch',
    'grant_source', 'quarantined'
$NUMBERS = 'term', 'promised_epoch', 'inforce_epoch', 'permit_epoch', 'maxpermit_epoch', 'final', 'grant_epoch', 'quarantined'

function New-Numbers {
    $made = @{}
    foreach ($key in $KEYS) { if ($NUMBERS -contains $key) { $made[$key] = [long]0 } else { $made[$key] = '' } }
    $made
}
function Render { ($KEYS | ForEach-Object { "$_=$($script:s[$_])" }) -join "`n" }
function Sum-Of([string]$text) {
    $sha = [Security.Cryptography.SHA256]::Create()
    ([BitConverter]::ToString($sha.ComputeHash([Text.Encoding]::UTF8.GetBytes($text)))).Replace('-', '').ToLowerInvariant()
}
function Read-Slot([string]$path) { # the text of a sound slot, or nothing
    try { $bytes = [IO.File]::ReadAllBytes($path) } catch { return '' }
    if ($bytes.Length -ne $SLOT_BYTES) { return '' }
    $whole = [Text.Encoding]::UTF8.GetString($bytes).TrimEnd([char]0)
    $at = $whole.IndexOf("`nsha256=")
    if ($at -lt 1) { return '' }
    $text = $whole.Substring(0, $at)
    if ($whole -cne "$text`nsha256=$(Sum-Of "$text`n")`n") { return '' }
    $text
}
function Test-Parse([string]$text) { # every field, each in its alphabet, in the order in which they are written
    $lines = $text.Split("`n")
    if ($lines.Length -ne $KEYS.Length + 1 -or $lines[0] -cnotmatch '\Aseq=(0|[1-9][0-9]{0,17})\z') { return $false }
    $found = New-Numbers
    for ($i = 0; $i -lt $KEYS.Length; $i++) {
        $key, $value = $lines[$i + 1].Split([char[]]'=', 2)
        if ($key -cne $KEYS[$i]) { return $false }
        if ($NUMBERS -contains $key) {
            if (-not (Is-Number $value)) { return $false }
            $found[$key] = [long]$value
        } else {
            $ok = switch -Regex ($key) {
                '^node$' { Is-Name $value; break }
                '^pair$' { Is-Id $value; break }
                '_(owner|source)$' { $value -ceq '' -or (Is-Name $value); break }
                default { $value -ceq '' -or (Is-Id $value) }
            }
            if (-not $ok) { return $false }
            $found[$key] = $value
        }
    }
    if ($found['promised_epoch'] -lt $found['inforce_epoch']) { return $false }
    $script:seq = [long]$lines[0].Substring(4)
    $script:s = $found
    $true
}
function Seq-Of([string]$text) { [long]($text.Split("`n")[0].Substring(4)) }
function Read-State { # gives $standing, $torn, $seq and all numbers
    $script:standing = 'lost'; $script:torn = 0; $script:seq = [long]0; $script:s = New-Numbers
    $script:first = 'slot0'; $script:second = 'slot1'
    if (-not (Test-Path -LiteralPath $state)) { $script:standing = 'never'; return }
    $zero = Join-Path $state 'slot0'; $one = Join-Path $state 'slot1'
    if (-not ((Test-Path -LiteralPath $zero) -and (Test-Path -LiteralPath $one))) { return }
    $text0 = Read-Slot $zero; $text1 = Read-Slot $one
    if ($text0 -ceq '' -and $text1 -ceq '') { return }
    if ($text0 -cne $text1) {
        $script:torn = 1
        if ($text0 -cne '' -and $text1 -cne '') {
            $seq0 = Seq-Of $text0; $seq1 = Seq-Of $text1
            if ($seq0 -eq $seq1 + 1) { $text1 = '' } elseif ($seq1 -eq $seq0 + 1) { $text0 = '' } else { return }
        }
        # What is torn or behind is written first next time.
        if ($text1 -ceq '') { $script:first = 'slot1'; $script:second = 'slot0' }
    }
    $text = if ($text0 -cne '') { $text0 } else { $text1 }
    if ($text -cmatch "\nformat=") { $script:standing = 'newer'; return }
    if (Test-Parse $text) { $script:standing = 'valid' } else { $script:seq = [long]0; $script:s = New-Numbers }
}
function Write-Through([string]$path, [byte[]]$bytes) {
    $options = [IO.FileOptions]::WriteThrough
    $file = New-Object IO.FileStream($path, [IO.FileMode]::OpenOrCreate, [IO.FileAccess]::Write, [IO.FileShare]::Read, 4096, $options)
    try { $file.Write($bytes, 0, $bytes.Length); $file.Flush($true) } finally { $file.Dispose() }
}
function Store { # the lock is held; written one after the other and read back
    $script:seq = $script:seq + 1
    $text = "seq=$($script:seq)`n$(Render)"
    $bytes = New-Object byte[] $SLOT_BYTES
    $raw = [Text.Encoding]::UTF8.GetBytes("$text`nsha256=$(Sum-Of "$text`n")`n")
    [Array]::Copy($raw, $bytes, $raw.Length)
    foreach ($slot in $script:first, $script:second) {
        try { Write-Through (Join-Path $state $slot) $bytes } catch { Unstored WriteFailed "could not write and sync $slot" }
    }
    foreach ($slot in $script:first, $script:second) {
        if ((Read-Slot (Join-Path $state $slot)) -cne $text) { Unstored WriteFailed "read back otherwise: $slot" }
    }
    $script:torn = 0
}
function Take-Lock { # nobody else opens the file meanwhile; it ends with this process
    $path = Join-Path $root 'guard.lock'
    $ends = [Diagnostics.Stopwatch]::StartNew()
    while ($null -eq $script:lock) {
        try {
            $script:lock = New-Object IO.FileStream($path, [IO.FileMode]::OpenOrCreate, [IO.FileAccess]::ReadWrite, [IO.FileShare]::None)
        } catch [IO.IOException] {
            if ($ends.Elapsed.TotalSeconds -ge $LOCK_SECONDS) { Unstored LockBusy "$path is held by another process" }
            Start-Sleep -Milliseconds 50
        } catch { Unstored NoLock "could not open $path" }
    }
}
function Drop-Lock { if ($null -ne $script:lock) { $script:lock.Dispose(); $script:lock = $null } }
function Look {
    Read-State
    if ($standing -ceq 'lost' -or $torn -eq 1) { if ($null -eq $script:lock) { Take-Lock; Read-State; Drop-Lock } }
}
function Need-State {
    switch -CaseSensitive ($standing) {
        'never' { Unknown StateMissing 'this node has no guard state' }
        'lost' { Unknown StateLost 'the guard state cannot be read' }
        'newer' { Unknown StateNewer 'the guard state was written by a newer guard' }
    }
}
function Read-Boot { # the machine and the number of its boot, in the form of a boot id
    $script:boot = ''
    try {
        $machine = (Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Cryptography').MachineGuid
        $number = (Get-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters').BootId
        if ($machine -and $number) { $script:boot = (Sum-Of "$machine $number").Substring(0, 32) }
    } catch { }
}
function Need-Boot { if ($boot -ceq '') { Unknown BootUnknown 'the boot id cannot be read' } }
function Is-Permitted { # the law's first line
    $standing -ceq 'valid' -and $s['inforce_epoch'] -gt 0 -and $s['inforce_owner'] -ceq $s['node'] -and
        $s['permit_epoch'] -eq $s['inforce_epoch'] -and $boot -cne '' -and $s['permit_boot'] -ceq $boot
}

# --- ordered verbs: each refuses, or changes the numbers and nothing else ---------------------------------------------

function Order-Lead { }
function Order-Promise {
    if ($o['epoch'] -lt $s['promised_epoch']) { Refuse LowerEpoch "epoch $($o['epoch']) is below the promised $($s['promised_epoch'])" }
    if ($o['epoch'] -eq $s['promised_epoch']) {
        if ($o['owner'] -cne $s['promised_owner']) { Refuse OtherOwner "epoch $($o['epoch']) is promised to $($s['promised_owner'])" }
        if ($o['episode'] -cne $s['promised_episode']) { Refuse OtherEpisode "epoch $($o['epoch']) is promised to episode $($s['promised_episode'])" }
    }
    Set-Promised $o['epoch'] $o['owner']
}
function Order-Promote {
    if ($s['inforce_epoch'] -eq $o['epoch'] -and $s['inforce_owner'] -ceq $s['node']) { return }
    if ($s['promised_epoch'] -ne $o['epoch'] -or $s['promised_owner'] -cne $s['node'] -or $s['promised_episode'] -cne $o['episode']) {
        Refuse NotPromised "epoch $($o['epoch']) is not promised to $($s['node']) in episode $($o['episode'])"
    }
    Need-Boot
    if ($s['permit_epoch'] -gt 0 -and $s['permit_boot'] -ceq $boot) { Refuse HoldsPermit "this node holds a permit of epoch $($s['permit_epoch'])" }
    if ($s['final'] -ne 0) { Refuse HoldsPermit "this node holds the final right of epoch $($s['final'])" }
    Set-Inforce $o['epoch'] $s['node']
    Clear-Rights
}
function Order-Permit {
    Need-Owned
    if ($s['promised_epoch'] -ne $o['epoch']) { Refuse PromisedAway "epoch $($s['promised_epoch']) is promised to $($s['promised_owner'])" }
    if ($o['episode'] -cne $s['inforce_episode']) { Refuse OtherEpisode "epoch $($o['epoch']) is of episode $($s['inforce_episode'])" }
    Need-Boot
    Set-Permit $o['epoch']
}
function Order-Quiesce {
    Need-Owned
    $s['permit_epoch'] = [long]0; $s['permit_boot'] = ''; $s['final'] = $o['epoch']
}
function Order-Demote {
    if ($o['epoch'] -lt $s['promised_epoch']) { Refuse LowerEpoch "epoch $($o['epoch']) is below the promised $($s['promised_epoch'])" }
    if ($o['epoch'] -eq $s['promised_epoch'] -and $o['owner'] -cne $s['promised_owner']) {
        Refuse OtherOwner "epoch $($o['epoch']) is promised to $($s['promised_owner'])"
    }
    if ($s['inforce_epoch'] -eq $o['epoch'] -and $s['inforce_episode'] -ceq $o['episode']) { return }
    Set-Inforce $o['epoch'] $o['owner']
    Set-Promised $o['epoch'] $o['owner']
    Clear-Rights
    $s['quarantined'] = [long]0
}
function Order-Renew {
    Need-Boot
    if ($s['inforce_epoch'] -le 0 -or $s['inforce_owner'] -cne $s['node']) {
        Refuse NotOwner "the epoch in force, $($s['inforce_epoch']), is not owned by $($s['node'])"
    }
    if ($s['inforce_epoch'] -eq $o['epoch'] -and $s['inforce_episode'] -ceq $o['episode'] -and
        $s['promised_epoch'] -eq $o['epoch'] -and (Is-Permitted)) { return }
    if ($o['epoch'] -le $s['inforce_epoch']) { Refuse LowerEpoch "epoch $($o['epoch']) is not above $($s['inforce_epoch']) in force" }
    if ($o['epoch'] -lt $s['promised_epoch']) { Refuse LowerEpoch "epoch $($o['epoch']) is below the promised $($s['promised_epoch'])" }
    if ($o['epoch'] -eq $s['promised_epoch'] -and $s['promised_owner'] -cne $s['node']) {
        Refuse OtherOwner "epoch $($o['epoch']) is promised to $($s['promised_owner'])"
    }
    if ($s['maxpermit_epoch'] -ne $s['inforce_epoch'] -or $s['maxpermit_boot'] -cne $boot) {
        Refuse NotPermittedThisBoot "epoch $($s['inforce_epoch']) was not permitted in this boot"
    }
    Set-Inforce $o['epoch'] $s['node']
    Set-Promised $o['epoch'] $s['node']
    Set-Permit $o['epoch']
}
function Order-Quarantined {
    if ($s['inforce_epoch'] -ne $o['epoch'] -or $s['inforce_owner'] -ceq $s['node']) {
        Refuse NotInForce "epoch $($o['epoch']) of the other node is not in force"
    }
    $s['quarantined'] = $o['epoch']
}
function Order-Grant { Refuse NotOnThisPlatform 'no replication runs on Windows' }
function Order-Receipt { Refuse NotOnThisPlatform 'no mirror runs on Windows' }
function Order-Sever { $s['grant_epoch'] = [long]0; $s['grant_source'] = '' }
function Order-Revoke { $s['permit_epoch'] = [long]0; $s['permit_boot'] = ''; $s['final'] = [long]0 }

function Set-Promised([long]$epoch, [string]$owner) { $s['promised_epoch'] = $epoch; $s['promised_owner'] = $owner; $s['promised_episode'] = $o['episode'] }
function Set-Inforce([long]$epoch, [string]$owner) { $s['inforce_epoch'] = $epoch; $s['inforce_owner'] = $owner; $s['inforce_episode'] = $o['episode'] }
function Set-Permit([long]$epoch) {
    $s['permit_epoch'] = $epoch; $s['permit_boot'] = $boot; $s['maxpermit_epoch'] = $epoch; $s['maxpermit_boot'] = $boot; $s['final'] = [long]0
}
function Clear-Rights {
    $s['permit_epoch'] = [long]0; $s['permit_boot'] = ''; $s['final'] = [long]0; $s['grant_epoch'] = [long]0; $s['grant_source'] = ''
}
function Need-Owned {
    if ($s['inforce_epoch'] -ne $o['epoch'] -or $s['inforce_owner'] -cne $s['node']) {
        Refuse NotInForce "epoch $($o['epoch']) of $($s['node']) is not in force"
    }
}

$WANTS = @{
    create = ''; lead = ''; sever = ''; revoke = ''; promote = 'e'; permit = 'e'; quiesce = 'e'; renew = 'e'; quarantined = 'e'
    promise = 'eo'; demote = 'eo'; grant = 'es'; receipt = 'ek'
}
function Read-Order([string[]]$words) {
    $script:o = @{ pair = ''; node = ''; term = ''; episode = ''; epoch = ''; owner = ''; source = ''; kind = ''; anew = $false }
    for ($i = 0; $i -lt $words.Length; $i++) {
        if ($words[$i] -ceq '--anew') { $o['anew'] = $true; continue }
        if ($i + 1 -ge $words.Length) { Usage "$($words[$i]) needs a value" }
        $value = $words[$i + 1]
        $ok = switch -CaseSensitive ($words[$i]) {
            '--pair' { Is-Id $value } '--node' { Is-Name $value } '--term' { Is-Number $value } '--episode' { Is-Id $value }
            '--epoch' { Is-Epoch $value } '--owner' { Is-Name $value } '--source' { Is-Name $value } '--kind' { Is-Kind $value }
            default { Usage 'unknown option' }
        }
        if (-not $ok) { Usage "bad $($words[$i].Substring(2))" }
        $o[$words[$i].Substring(2)] = $value
        $i++
    }
    if ($o['pair'] -ceq '' -or $o['node'] -ceq '' -or $o['term'] -ceq '' -or $o['episode'] -ceq '') {
        Usage "$verb needs --pair, --node, --term and --episode"
    }
    if ($o['anew'] -and $verb -cne 'create') { Usage '--anew is for create' }
    $given = ''
    foreach ($key in 'epoch', 'owner', 'source', 'kind') { if ($o[$key] -cne '') { $given += $key.Substring(0, 1) } }
    if ($given -cne $WANTS[$verb]) { Usage "$verb has options too few or too many" }
    if ($verb -ceq 'demote' -and $o['owner'] -ceq $o['node']) { Usage 'a node is demoted for the other one' }
    if ($verb -ceq 'grant' -and $o['source'] -ceq $o['node']) { Usage 'a node receives from the other one' }
    $o['term'] = [long]$o['term']
    if ($o['epoch'] -cne '') { $o['epoch'] = [long]$o['epoch'] }
}
function Create { # make the state; anew: in the place of what is lost
    switch -CaseSensitive ($standing) {
        'valid' { Order; return }
        'never' { if ($o['anew']) { Refuse StateExists 'there is nothing to write anew: this node never had state' } }
        'lost' { if (-not $o['anew']) { Refuse StateExists 'the state here is lost; only create --anew writes it again' } }
        'newer' { Need-State }
    }
    $s['pair'] = $o['pair']; $s['node'] = $o['node']; $s['term'] = $o['term']
    $final = $state
    if ($standing -ceq 'never') {
        # One rename makes it, so that nobody ever sees half of it.
        $script:state = "$final.new"
        if (Test-Path -LiteralPath $script:state) { Remove-Item -LiteralPath $script:state -Recurse -Force }
        try { [void][IO.Directory]::CreateDirectory($script:state) } catch { Unstored NoFolder "could not make $final" }
    }
    Store
    if ($script:state -cne $final) {
        try { [IO.Directory]::Move($script:state, $final) } catch { Unstored WriteFailed "could not make $final" }
        $script:state = $final
    }
    Drop-Lock
    Say 'done=create', 'changed=yes'
}
function Order { # under the lock and with the state read
    Need-State
    if ($o['pair'] -cne $s['pair']) { Refuse ForeignPair "this node belongs to pair $($s['pair'])" }
    if ($o['node'] -cne $s['node']) { Refuse OtherNode "this node is $($s['node'])" }
    if ($o['term'] -lt $s['term']) { Refuse LowerTerm "term $($o['term']) is below $($s['term'])" }
    $before = Render
    if ($verb -cne 'create') { & "Order-$verb" }
    $s['term'] = $o['term']
    $changed = 'no'
    if ((Render) -cne $before) { $changed = 'yes' }
    if ($changed -ceq 'yes') { Store-Order }
    Drop-Lock
    switch -CaseSensitive ($verb) { 'demote' { Stop-All } 'revoke' { Stop-All } 'sever' { Say 'receivers=0' } }
    Say "done=$verb", "changed=$changed"
}
function Store-Order { # what takes away has its effect also where it cannot be stored; the answer still says so
    if ($verb -cne 'demote' -and $verb -cne 'revoke') { Store; return }
    $stored = $false
    try { Store; $stored = $true } finally { if (-not $stored) { Drop-Lock; Stop-Services; Say "stopped=$stopped", "still=$still" } }
}

# --- configuration: lines that are parsed, never evaluated --------------------------------------------------------------

function Read-Config {
    $script:c = @{ pair = ''; node = ''; peer = ''; peer_host = ''; peer_port = '22'; peer_user = ''; address = ''; services = @(); ports = @()
        names = @(); live = ''; stop_seconds = 120; start_seconds = 900; watch_seconds = 3 }
    $script:bad = ''
    try { $lines = [IO.File]::ReadAllLines((Join-Path $settings 'config')) } catch { $script:bad = 'config'; return }
    foreach ($line in $lines) {
        $key, $value = $line.Split([char[]]'=', 2)
        $words = @("$value".Split([char[]]' ', [StringSplitOptions]::RemoveEmptyEntries))
        $ok = switch -CaseSensitive ($key) {
            'pair' { Is-Id $value } 'node' { Is-Name $value } 'peer' { Is-Name $value } 'peer_host' { Is-Host $value }
            'peer_port' { Is-Epoch $value } 'peer_user' { Is-Name $value } 'address' { Is-Host $value } 'live' { Is-Folder $value }
            'services' { -not ($words | Where-Object { -not (Is-Unit $_) }) }
            'ports' { -not ($words | Where-Object { -not (Is-Epoch $_) }) }
            'names' { -not ($words | Where-Object { -not (Is-Host $_) }) }
            { $_ -clike '*_seconds' } { Is-Epoch $value }
            default { $true }
        }
        if (-not $ok) { $script:bad += "$key "; continue }
        if ('services', 'ports', 'names' -contains $key) { $c[$key] = $words } elseif ($c.ContainsKey($key)) { $c[$key] = $value }
    }
}
function Need-Config { Read-Config; if ($bad -cne '') { Unknown BadConfig "the configuration cannot be read: $bad" } }

# --- effects on services ------------------------------------------------------------------------------------------------

function Show-Units([string[]]$units) { # in systemd's words; none is printed where the service manager does not answer
    foreach ($unit in $units) {
        try { $found = Get-CimInstance Win32_Service -Filter "Name='$unit'" -ErrorAction Stop } catch { continue }
        if ($null -eq $found) { "unit.$unit=inactive/not-found//"; continue }
        $active = switch ($found.State) {
            'Running' { 'active' } 'Stopped' { 'inactive' } 'Start Pending' { 'activating' } 'Continue Pending' { 'activating' }
            'Stop Pending' { 'deactivating' } 'Pause Pending' { 'deactivating' } 'Paused' { 'active' }
            default { '' }
        }
        if ($active -ceq '') { continue }
        if ($active -ceq 'inactive' -and $found.ExitCode -ne 0 -and $found.ExitCode -ne 1077) { $active = 'failed' }
        $file = switch ($found.StartMode) {
            'Disabled' { 'disabled' }
            'Manual' { 'disabled' }
            default { 'enabled' }
        }
        "unit.$unit=$active/$($found.State.Replace(' ', '-').ToLowerInvariant())/$file/$($found.ExitCode)"
    }
}
function Find-Still { # services that are not shown inactive or failed; no answer counts as still
    $shown = @(Show-Units $c['services'])
    $left = @($c['services'] | Where-Object { $unit = $_; -not ($shown | Where-Object { $_ -clike "unit.$unit=inactive/*" -or $_ -clike "unit.$unit=failed/*" }) })
    $script:still = $left -join ' '
}
function Stop-Services { # in reverse order, then read back; gives $stopped and $still
    Read-Config
    $reversed = @($c['services'])
    [Array]::Reverse($reversed)
    foreach ($unit in $reversed) {
        # Disabled first, so that nothing starts it again; a service that does not stop is ended.
        try { Set-Service -Name $unit -StartupType Disabled } catch { }
        try {
            $service = Get-Service -Name $unit
            if ($service.Status -ne 'Stopped') {
                $service.Stop()
                $service.WaitForStatus('Stopped', [TimeSpan]::FromSeconds([int]$c['stop_seconds']))
            }
        } catch { End-Process $unit }
    }
    $script:stopped = $reversed -join ' '
    Find-Still
    if ($bad -cmatch '(^| )(config|services)( |$)') { $script:still = "$still unknown".Trim() }
}
function End-Process([string]$unit) {
    try {
        $number = (Get-CimInstance Win32_Service -Filter "Name='$unit'").ProcessId
        if ($number -gt 0) { Stop-Process -Id $number -Force }
    } catch { }
}
function Stop-All {
    Stop-Services
    if ($still -cne '') { Say "still=$still"; Fail StillRunning "not read back stopped: $still" }
    Say "stopped=$stopped"
}
function Start-Unit([string]$unit) { # asked for under the lock, so that no revoke comes between the permit and the start
    Take-Lock
    Read-State
    Refuse-Unless-Permitted
    try {
        Set-Service -Name $unit -StartupType Manual
        (Get-Service -Name $unit).Start()
    } catch { if ((Get-Service -Name $unit -ErrorAction SilentlyContinue).Status -ne 'Running') { Drop-Lock; Fail StartRefused "Windows refused to start $unit" } }
    Drop-Lock
    $began = [Diagnostics.Stopwatch]::StartNew()
    while ($began.Elapsed.TotalSeconds -lt [int]$c['start_seconds']) {
        $shown = "$(Show-Units @($unit))"
        if ($shown -clike "unit.$unit=active/*") { return }
        if ($shown -clike "unit.$unit=inactive/*" -or $shown -clike "unit.$unit=failed/*") { Fail NotStarted "$unit is not active after its start" }
        Start-Sleep -Milliseconds 200
    }
    Fail NotStarted "$unit is not active after $($c['start_seconds']) s"
}
function Start-All([string]$only) {
    Need-Config
    Need-Boot
    $units = if ($only -cne '') { @($only) } else { $c['services'] }
    if ($only -cne '' -and $c['services'] -cnotcontains $only) { Usage 'no such service' }
    Look
    Refuse-Unless-Permitted
    foreach ($unit in $units) { Start-Unit $unit }
    Say "started=$($units -join ' ')"
}
function Refuse-Unless-Permitted {
    Need-State
    if (Is-Permitted) { return }
    Need-Boot
    if ($s['inforce_epoch'] -le 0) { Refuse NotInForce 'no epoch is in force here' }
    if ($s['inforce_owner'] -cne $s['node']) { Refuse NotOwner "epoch $($s['inforce_epoch']) is owned by $($s['inforce_owner'])" }
    Refuse NotPermittedThisBoot "epoch $($s['inforce_epoch']) has no permit in this boot"
}

# --- queries ------------------------------------------------------------------------------------------------------------

function Yes-Or-No([bool]$value) { if ($value) { 'yes' } else { 'no' } }
function Show-State {
    Look
    Say "version=$VERSION", "format=$FORMAT", "state=$standing", "torn=$torn", "boot_id=$boot"
    if ($standing -ceq 'valid') {
        Say "seq=$seq", (Render)
        Say "promised=$($s['promised_epoch']),$($s['promised_owner']),$($s['promised_episode'])"
        Say "inforce=$($s['inforce_epoch']),$($s['inforce_owner']),$($s['inforce_episode'])"
    }
    Say "may_run=$(Yes-Or-No (Is-Permitted))"
}
function Show { Show-State; if ($standing -cne 'valid') { exit 11 } }
function May-Run { Look; Refuse-Unless-Permitted; Say 'may_run=yes' }
function May-Send {
    Look
    if ($standing -ceq 'valid' -and $s['final'] -gt 0 -and $s['final'] -eq $s['inforce_epoch'] -and $s['inforce_owner'] -ceq $s['node']) {
        Say 'may_send=final'
        return
    }
    Refuse-Unless-Permitted
    Say 'may_send=yes'
}
function Show-Listeners {
    $open = @(Get-NetTCPConnection -State Listen | ForEach-Object { "$($_.LocalPort)" } | Sort-Object -Unique)
    Say "listeners=$(@($c['ports'] | Where-Object { $open -ccontains $_ }) -join ' ')"
}
function Show-Pins {
    $pins = foreach ($name in $c['names']) {
        $found = ''
        try { $found = ([Net.Dns]::GetHostAddresses($name) | Where-Object { $_.AddressFamily -eq 'InterNetwork' } | Select-Object -First 1).IPAddressToString } catch { }
        "${name}:$found"
    }
    Say "pins=$(@($pins) -join ' ')"
}
function Show-Holders { # processes whose program, or a module of which, lies below the live data
    $live = $c['live'].Replace('/', '\')
    $found = @(Get-Process | Where-Object {
        $modules = @()
        try { $modules = @($_.Modules | ForEach-Object { $_.FileName }) } catch { }
        $live -cne '' -and @($modules | Where-Object { $_ -like "$live\*" }).Length -gt 0
    } | Select-Object -First 20 | ForEach-Object { $_.Id })
    Say "holders=$($found -join ' ')"
}
function Observe {
    Read-Config
    $there = if ($c['live'] -cne '' -and (Test-Path -LiteralPath $c['live'])) { 'present' } else { 'absent' }
    Say "replica.live=$there", 'replica.generation=none', 'replica.receivers=0'
    Say @(Show-Units $c['services'])
    Show-Holders
    Show-Pins
    Show-State
    $system = Get-CimInstance Win32_OperatingSystem
    $machine = (Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Cryptography').MachineGuid
    $up = [int]($system.LocalDateTime - $system.LastBootUpTime).TotalSeconds
    Say 'platform=Windows', "machine_id=$("$machine".ToLowerInvariant())", "uptime_seconds=$up", "config_pair=$($c['pair'])"
    Say "config_node=$($c['node'])", "config_bad=$bad", "memory_available_bytes=$([long]$system.FreePhysicalMemory * 1024)"
    Show-Listeners
    if ($there -ceq 'present') { Say "disk_free_bytes=$((New-Object IO.DriveInfo $c['live'].Substring(0, 1)).AvailableFreeSpace)" }
}

# --- the boot task: what a node does that its operator does not hear of ---------------------------------------------------

function Run-Boot { # at each start of the machine, and every minute: nothing runs here without a permit of this boot
    Need-Config
    Look
    if (Is-Permitted) { return }
    Find-Still
    if ($still -cne '') {
        Log "no permit in this boot: stopping $still"
        Stop-Services
    }
}

# --- words -----------------------------------------------------------------------------------------------------------------

if ($args.Length -lt 1) { Usage 'what?' }
$verb = "$($args[0])"
$rest = @($args | Select-Object -Skip 1 | ForEach-Object { "$_" })
Read-Boot
Read-State
if ($WANTS.ContainsKey($verb)) {
    Read-Order $rest
    if ($standing -ceq 'never' -and $verb -cne 'create') { Need-State }
    try { [void][IO.Directory]::CreateDirectory($root) } catch { Unstored NoFolder "could not make $root" }
    Take-Lock
    Read-State
    if ($verb -ceq 'create') { Create } else { Order }
    exit 0
}
switch -CaseSensitive ($verb) {
    'start' {
        if ($rest.Length -eq 0) { Start-All '' }
        elseif ($rest.Length -eq 2 -and $rest[0] -ceq '--only') { if (-not (Is-Unit $rest[1])) { Usage 'bad unit' } Start-All $rest[1] }
        else { Usage 'start [--only UNIT]' }
    }
    { 'show', 'may-run', 'may-send', 'observe', 'stop', 'run' -ccontains $_ } {
        if ($rest.Length -ne 0) { Usage "$verb takes no options" }
        switch -CaseSensitive ($verb) {
            'show' { Show } 'may-run' { May-Run } 'may-send' { May-Send } 'observe' { Observe } 'stop' { Stop-All } 'run' { Run-Boot }
        }
    }
    default { Usage 'unknown verb' }
}
exit 0
