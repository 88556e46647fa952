# Knocks at TCP ports by frames of its own making: whatever the routes of this container say, each frame goes to the
# neighbour that is named. Arguments: OWN-ADDRESS, then NEIGHBOUR,TARGET,PORT for each port.
# Prints "TARGET:PORT open" or "TARGET:PORT closed" for each that answered; who answered is not asked.
use strict;
use warnings;

my ($own, @targets) = @ARGV;
my $address = sub { pack 'C4', split /\./, shift };
my $read = sub { open(my $file, '<', shift) or die $!; my $text = <$file>; chomp $text; $text };
my $mac = sub { pack 'H12', shift =~ tr/://dr };
my $index = $read->('/sys/class/net/eth0/ifindex');
my $own_mac = $mac->($read->('/sys/class/net/eth0/address'));

sub known {
  my ($neighbour) = @_;
  open(my $table, '<', '/proc/net/arp') or die $!;
  for (<$table>) {
    my ($ip, undef, $flags, $hardware) = split;
    return $hardware if $ip eq $neighbour && $flags eq '0x2';
  }
  return undef;
}

# The kernel asks for the neighbour's address by itself once something is sent there.
sub resolved {
  my ($neighbour) = @_;
  socket(my $udp, 2, 2, 17) or die $!;
  for (1 .. 100) {
    send $udp, 'x', 0, pack('S n a4 x8', 2, 9, $address->($neighbour));
    my $found = known($neighbour);
    return $mac->($found) if defined $found;
    select undef, undef, undef, 0.02;
  }
  die "no neighbour $neighbour";
}

sub checksum {
  my $sum = 0;
  $sum += $_ for unpack 'n*', shift;
  $sum = ($sum >> 16) + ($sum & 0xffff) while $sum >> 16;
  return ~$sum & 0xffff;
}

sub syn {
  my ($to, $from_port, $to_port) = @_;
  my $ends = $address->($own) . $address->($to);
  my $tcp = sub { pack 'n n N N C C n n n', $from_port, $to_port, 1, 0, 0x50, 0x02, 64240, shift, 0 };
  my $ip = sub { pack 'C C n n n C C n', 0x45, 0, 40, $from_port, 0x4000, 64, 6, shift };
  my $head = $ip->(checksum($ip->(0) . $ends)) . $ends;
  return $head . $tcp->(checksum($ends . pack('C C n', 0, 6, 20) . $tcp->(0)));
}

# AF_PACKET, SOCK_RAW, ETH_P_ALL
socket(my $wire, 17, 3, unpack 'S', pack 'n', 3) or die "no raw socket: $!";
my (%asked, %macs, %answer);
for my $at (0 .. $#targets) {
  my ($neighbour, $target, $port) = split /,/, $targets[$at];
  my $to = $macs{$neighbour} //= resolved($neighbour);
  my $from_port = 40000 + $at;
  $asked{$from_port} = "$target:$port";
  my $frame = $to . $own_mac . pack('n', 0x0800) . syn($target, $from_port, $port);
  # Once more, because one frame may be lost.
  send $wire, $frame, 0, pack('S n l S C C a8', 17, 0x0800, $index, 0, 0, 6, $to) for 1 .. 2;
}

my $until = time + 2;
while (time < $until) {
  my $ready = '';
  vec($ready, fileno($wire), 1) = 1;
  next unless select $ready, undef, undef, 0.2;
  next unless defined recv $wire, my $frame, 2048, 0;
  next unless length $frame >= 54 && unpack('n', substr $frame, 12, 2) == 0x0800 && ord(substr $frame, 23, 1) == 6;
  my $tcp = substr $frame, 14 + 4 * (ord(substr $frame, 14, 1) & 15);
  next unless length $tcp >= 14;
  my ($to_port, $flags) = (unpack('n', substr $tcp, 2, 2), ord substr $tcp, 13, 1);
  # Our own frames have no ACK.
  $answer{$to_port} = $flags & 0x02 ? 'open' : 'closed' if $asked{$to_port} && $flags & 0x10;
}
print "$asked{$_} $answer{$_}\n" for sort keys %answer;
