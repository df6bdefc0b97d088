# Fault: a channel's default translation takes CR and CR LF for line ends, and they come back as LF. Named by fid-all-bytes
# and fid-no-decode.

proc copy {channel} {
    if {[catch {puts -nonewline $channel [read $channel]; flush $channel}] || [eof $channel]} { catch {close $channel} }
}
proc accept {channel host port} {
    fconfigure $channel -blocking 0 -encoding iso8859-1 -buffering none -eofchar {} -translation {auto lf}
    fileevent $channel readable [list copy $channel]
}
socket -server accept -myaddr [lindex $argv 0] [lindex $argv 1]
puts "listening [lindex $argv 0]:[lindex $argv 1]"
flush stdout
vwait forever
