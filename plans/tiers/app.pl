#!/usr/bin/perl
# Counts visits in PostgreSQL, each machine on a row of its own; answers with its name and the counts. A process for each
# request. Where the database is, and its password, are in PGHOST and so on.
use strict;
use warnings;
use DBI;
use IO::Socket::INET;

my $machine = $ENV{PLAN_MACHINE};
my $server = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 64, ReuseAddr => 1)
  or die "Cannot listen on port $ENV{PORT}: $!\n";
$SIG{CHLD} = 'IGNORE';

while (1) {
  my $client = $server->accept or next;
  next if fork;
  $server->close;
  alarm 10;
  my ($path) = (<$client> // '') =~ m{^GET (\S+)} or exit;
  while (<$client>) { last if /^\r?\n/ }
  my $text = eval { answer($path) };
  my $status = defined $text ? '200 OK' : '503 Service Unavailable';
  $text //= "$machine: $@";
  print $client "HTTP/1.0 $status\r\nContent-Type: text/plain\r\nContent-Length: ${\length $text}\r\n\r\n$text";
  exit;
}

sub answer {
  my ($path) = @_;
  my $database = DBI->connect('dbi:Pg:', undef, undef, { RaiseError => 1, PrintError => 0 });
  if ($path eq '/health') {
    my ($version) = $database->selectrow_array('SHOW server_version');
    return "$machine: PostgreSQL $version\n";
  }
  my ($here) = $database->selectrow_array(<<'SQL', undef, $machine);
INSERT INTO visits VALUES (?, 1) ON CONFLICT (machine) DO UPDATE SET count = visits.count + 1 RETURNING count
SQL
  my ($all) = $database->selectrow_array('SELECT sum(count) FROM visits');
  return "$machine: visit $here here, $all in all\n";
}
