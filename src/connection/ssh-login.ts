/** One way to be let in. `Key` is a private key that is ready to sign. */
export type LoginMethod<Key> =
  | { readonly kind: 'key'; readonly path: string; readonly key: Key }
  /** The keys of an SSH agent that listens on this socket; `only`: those with these public parts, in their wire form. */
  | { readonly kind: 'agent'; readonly socket: string; readonly only?: readonly Buffer[] }
  | { readonly kind: 'password'; readonly password: string };

export interface SshLogin<Key> {
  /** In the order in which they are tried. */
  readonly methods: readonly LoginMethod<Key>[];
  /** Why there are not more, in words, for the case that they do not let in. */
  readonly notes: readonly string[];
}

/** What a server is asked in one try. */
export type Offer<Key> =
  | LoginMethod<Key>
  /** The password as the answer to the one question that the server asks. */
  | { readonly kind: 'answer'; readonly password: string }
  | { readonly kind: 'none' };

/** Decides what to offer next, and remembers what was. */
export interface Offers<Key> {
  /** `left`: names of the methods that the server would take, null before it said so. Undefined: there is no more. */
  next(left: readonly string[] | null): Offer<Key> | undefined;
  /** What was offered last was accepted, and is not enough. */
  accepted(left: readonly string[]): void;
  /** The agent that was to be offered last gave no answer, or no key that may be used. */
  unasked(why: string): void;
  /** True when an agent was of no use, and nothing else was there to offer: no server has refused anything. */
  hadNothing(): boolean;
  /** What was offered in vain and why there was not more: `the keys "a", "b" and the agent were refused`. */
  refused(): string;
}

/** Like OpenSSH's client: what the server would not take is not offered, nobody is asked twice for one password. */
export function createOffers<Key>({ methods, notes }: SshLogin<Key>): Offers<Key> {
  const waiting: Offer<Key>[] = [];
  for (const method of methods) {
    waiting.push(method);
    if (method.kind === 'password') waiting.push({ kind: 'answer', password: method.password });
  }
  if (waiting.length === 0) waiting.push({ kind: 'none' });
  const made: Offer<Key>[] = [];
  const accepted: string[] = [];
  const silent: string[] = [];
  return {
    accepted(left) {
      const last = made.pop();
      if (last !== undefined)
        accepted.push(`${spell([last])} was accepted, and it wants ${left.join(' or ')} too`);
    },
    unasked(why) {
      if (made.at(-1)?.kind === 'agent') made.pop();
      silent.push(`the agent is of no use: ${why}`);
    },
    hadNothing: () => silent.length > 0 && made.length === 0 && accepted.length === 0,
    refused() {
      const refused = made.some(({ kind }) => kind !== 'none')
        ? [`${spell(made)} ${isOne(made) ? 'was' : 'were'} refused`]
        : [];
      const nothing = accepted.length === 0 ? ['there is no key, agent or password to log in with'] : [];
      return [...accepted, ...(refused.length > 0 ? refused : nothing), ...silent, ...notes].join('; ');
    },
    next(left) {
      for (;;) {
        const offer = waiting.shift();
        if (offer === undefined) return undefined;
        if (!fits(offer, left)) continue;
        made.push(offer);
        return offer;
      }
    },
  };
}

function fits(offer: Offer<unknown>, left: readonly string[] | null): boolean {
  switch (offer.kind) {
    case 'none':
      return true;
    case 'key':
    case 'agent':
      return left?.includes('publickey') ?? true;
    case 'password':
      // What is left after a key of an agent was accepted for a part is not told.
      return left === null || left.includes('password') || !left.includes('keyboard-interactive');
    case 'answer':
      return left !== null && left.includes('keyboard-interactive') && !left.includes('password');
    default:
      return offer satisfies never;
  }
}

function isOne(offers: readonly Offer<unknown>[]): boolean {
  return thingsOf(offers).length === 1 && offers.filter(({ kind }) => kind === 'key').length < 2;
}

/** `the keys "a", "b" and the agent`. */
function spell(offers: readonly Offer<unknown>[]): string {
  const things = thingsOf(offers);
  return [things.slice(0, -1).join(', '), things.at(-1)].filter((part) => part !== '').join(' and ');
}

function thingsOf(offers: readonly Offer<unknown>[]): readonly string[] {
  const keys = offers.flatMap((offer) => (offer.kind === 'key' ? [`"${offer.path}"`] : []));
  return [
    ...(keys.length > 0 ? [`the key${keys.length > 1 ? 's' : ''} ${keys.join(', ')}`] : []),
    ...(offers.some(({ kind }) => kind === 'agent') ? ['the agent'] : []),
    ...(offers.some(({ kind }) => kind === 'password' || kind === 'answer') ? ['the password'] : []),
  ];
}
