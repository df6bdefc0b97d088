# Fault: what it writes is encoded as UTF-8 once more: bytes from 0x80 on come back doubled. Named by fid-all-bytes.

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
    open my $out, '>&:utf8', $client or exit 1;
    $out->autoflush(1);
    while (sysread $client, my $data, 8192) { print {$out} $data; }
    exit 0;
}
