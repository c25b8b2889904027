/** The words of nft's language that it does not take for the name of a table, a chain or a set. */

/** Found by trying the words of its manual with nft 1.0.6; those that later versions have come on top. */
const reserved = `
  accept add ah all and arp auto-merge bridge cgroup chain comment comp constant continue counter cpu create ct
  day dccp define delete describe destroy device devices dnat drop dst dup dynamic ecn element elements eq esp
  ether exists expires export exthdr fib flags flow flowtable flush frag fwd gc-interval ge geneve get goto gre
  gretap gt handle hbh hook hour ibriport ibrname icmp icmpv6 igmp iif iifgroup iifname iiftype import include
  index inet insert interval ip ip6 ipsec jhash jump le limit list ll log lshift lt map mark masquerade meta meter
  mh missing monitor ne netdev nftrace nh not notrack numgen obriport obrname offload oif oifgroup oifname oiftype
  or osf pkttype policy position priority queue quota random redefine redirect reject rename replace reset return
  rshift rt rt0 rt2 rtclassid rule ruleset sctp secmark set size skgid skuid snat socket srh symhash synproxy
  table tcp th time timeout tproxy tunnel type typeof udp udplite undefine update vlan vmap vxlan xor xt
`;

const words: ReadonlySet<string> = new Set(reserved.trim().split(/\s+/));

export function isNftWord(name: string): boolean {
  return words.has(name);
}
