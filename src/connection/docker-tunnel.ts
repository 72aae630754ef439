/** What the program says on its standard error when it is connected. */
export const CONNECTED = '\u0001connected\n';
/** What it says when there is no tool for it. */
export const NO_TOOL = '\u0001no tool';

const PERL = `
my ($host, $port) = @ARGV;
my $class = eval { require IO::Socket::IP; 1 } ? "IO::Socket::IP" : do { require IO::Socket::INET; "IO::Socket::INET" };
my $socket = $class->new(PeerHost => $host, PeerPort => $port, Proto => "tcp", Timeout => 10);
if (!$socket) { print STDERR "$@\\n"; exit 7 }
syswrite STDERR, "\\001connected\\n";
sub copy {
  my ($from, $to) = @_;
  while (my $size = sysread $from, my $bytes, 65536) {
    for (my $at = 0; $at < $size;) { $at += syswrite($to, $bytes, $size - $at, $at) || return }
  }
}
my $child = fork;
if ($child) { copy($socket, \\*STDOUT); kill "TERM", $child; exit 0 }
$SIG{PIPE} = "IGNORE";
copy(\\*STDIN, $socket);
shutdown $socket, 1;
`;

const PYTHON = `
import os, socket, sys, threading
try:
    peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
except OSError as error:
    sys.stderr.write(str(error) + "\\n")
    sys.exit(7)
peer.settimeout(None)
os.write(2, b"\\x01connected\\n")
def send():
    try:
        while True:
            data = os.read(0, 65536)
            if not data: break
            peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
    except OSError:
        pass
threading.Thread(target=send, daemon=True).start()
try:
    while True:
        data = peer.recv(65536)
        if not data: break
        while data: data = data[os.write(1, data):]
except OSError:
    pass
os._exit(0)
`;

/** Bash cannot end one direction alone: what it sends to is told of the end with that of the stream. */
const BASH = `
exec 3<>"/dev/tcp/$1/$2" || exit 7
printf "\\001connected\\n" >&2
cat >&3 &
cat <&3
kill $! 2>/dev/null
`;

const PROGRAM = `
if command -v perl >/dev/null 2>&1 && perl -MIO::Socket -e 1 2>/dev/null; then exec perl -e "$3" "$1" "$2"; fi
if command -v python3 >/dev/null 2>&1; then exec python3 -c "$4" "$1" "$2"; fi
if command -v socat >/dev/null 2>&1; then exec socat -t 86400 - "TCP:$1:$2"; fi
if command -v nc >/dev/null 2>&1; then exec nc "$1" "$2"; fi
if command -v busybox >/dev/null 2>&1 && busybox nc --help >/dev/null 2>&1; then exec busybox nc "$1" "$2"; fi
if command -v bash >/dev/null 2>&1; then exec bash -c "$5" bash "$1" "$2"; fi
printf '\\001no tool\\n' >&2
exit 7
`;

/** The words of a command that joins its standard input and output with a TCP port. */
export function tunnelWords(host: string, port: number): readonly string[] {
  return ['/bin/sh', '-c', PROGRAM, 'sh', host, String(port), PERL, PYTHON, BASH];
}
