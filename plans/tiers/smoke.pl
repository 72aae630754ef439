#!/usr/bin/perl
# Asks nginx until each machine of the application has answered, and no other.
use strict;
use warnings;
use IO::Socket::INET;

my %missing = map { $_ => 1 } split ' ', $ENV{EXPECTED};
my %expected = %missing;

for (1 .. 4 * keys %expected) {
  my $web = IO::Socket::INET->new(PeerAddr => $ENV{WEB}, PeerPort => 80, Timeout => 5)
    or die "Cannot connect to $ENV{WEB}: $@\n";
  print $web "GET / HTTP/1.0\r\nHost: $ENV{WEB}\r\n\r\n";
  my ($status, $machine, $rest) = do { local $/; <$web> } =~ m{^HTTP/\S+ (\d+).*?\r\n\r\n([\w-]+)(: visit .*)}s
    or die "$ENV{WEB} gives no answer of the application\n";
  die "$ENV{WEB} answers $status\n" if $status != 200;
  die "$machine answers, which should not\n" if !$expected{$machine};
  print "$machine$rest" if delete $missing{$machine};
  exit 0 if !%missing;
}
die "There is no answer of @{[sort keys %missing]}\n";
