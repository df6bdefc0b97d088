# Right, if odd: Perl, a process a client.

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
    while (my $got = sysread $client, my $data, 8192) {
        for (my $at = 0; $at < $got;) {
            my $sent = syswrite $client, $data, $got - $at, $at;
            exit 0 unless defined $sent;
            $at += $sent;
        }
    }
    exit 0;
}
