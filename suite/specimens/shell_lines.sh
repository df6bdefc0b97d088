# Fault: a filter of lines, as shell one-liners are: what does not end in a line feed waits. Named by fid-one-byte. Needs socat.
exec socat -t 5 "TCP-LISTEN:$2,bind=$1,fork,reuseaddr,nodelay,backlog=512" "EXEC:sed -u n"
