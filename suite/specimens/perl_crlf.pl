# Fault: the :crlf layer turns CR LF into LF when reading, and LF into CR LF when writing. Named by fid-all-bytes
# and fid-one-byte.

use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
my $listener = IO::Socket::INET->new(LocalAddr => $ARGV[0], LocalPort => $ARGV[1], Listen => 512, ReuseAddr => 1)
    or die "cannot listen: $@\n";
print "listening $ARGV[0]:$ARGV[1]\n";
while (1) {
    my $client = $listener->accept or next;
    my $child = fork;
    if (!defined $child || $child) { close $client; next; }
    close $listener;
    binmode $client, ':crlf';
    $client->autoflush(1);
    while (defined(my $byte = getc $client)) { print {$client} $byte; }
    exit 0;
}
