import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../../src/clock.ts';
import { systemClock } from '../../../src/clock.ts';
import type { Ec2Api } from '../../../src/providers/ec2/api.ts';
import { Ec2Error } from '../../../src/providers/ec2/api.ts';
import type { Ec2Config } from '../../../src/providers/ec2/config.ts';
import { openEc2Api } from '../../../src/providers/ec2/ec2-client.ts';
import { ProviderError } from '../../../src/providers/provider.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

/** What the server does with a request, whose number counts from 1. */
type Behaviour = (response: ServerResponse, request: { number: number; body: string }) => void;

const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const TOKEN = 'FwoGZXIvYXdzEXAMPLETOKEN';
const NO_CANCEL = new AbortController().signal;

let behave: Behaviour;
let requests = 0;
let url = '';
const apis: Ec2Api[] = [];
const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    requests += 1;
    behave(response, { number: requests, body: Buffer.concat(parts).toString() });
  });
});

beforeEach(async () => {
  requests = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const api of apis.splice(0)) api.close();
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
});

async function open(config: Partial<Ec2Config> = {}, clock: Clock = createVirtualClock()): Promise<Ec2Api> {
  const api = await openEc2Api(
    {
      name: 'west',
      region: 'us-west-2',
      endpoint: url,
      profile: null,
      credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: SECRET, sessionToken: TOKEN },
      pollInterval: 1_000,
      sshFrom: [],
      ...config,
    },
    { clock, random: () => 0.5 },
  );
  apis.push(api);
  return api;
}

function refuse(code: string, words = 'No.', status = 400): Behaviour {
  return (response) => {
    response.writeHead(status, { 'content-type': 'text/xml' });
    response.end(
      `<?xml version="1.0"?><Response><Errors><Error><Code>${code}</Code><Message>${words}</Message></Error></Errors><RequestID>r</RequestID></Response>`,
    );
  };
}

const answer: Behaviour = (response) => {
  response.writeHead(200, { 'content-type': 'text/xml' });
  response.end(
    '<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><isDefault>true</isDefault></item></vpcSet></DescribeVpcsResponse>',
  );
};

/** The first so many requests are treated so, the others answered. */
function first(count: number, how: Behaviour): Behaviour {
  return (response, request) => (request.number <= count ? how : answer)(response, request);
}

const drop: Behaviour = (response) => response.destroy();

function say(status: number, text: string): Behaviour {
  return (response) => {
    response.writeHead(status);
    response.end(text);
  };
}

async function vpcs(api: Ec2Api, signal = NO_CANCEL): Promise<string> {
  const found = await api.describeVpcs({}, { signal });
  return found.map(({ id }) => id).join(' ');
}

async function errorOf(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) expect.fail('It succeeded');
  return error;
}

describe('a throttled call', () => {
  it.each(['RequestLimitExceeded', 'Throttling', 'TooManyRequestsException', 'EC2ThrottledException'])(
    'is repeated after %s until it gets through, and every try is counted',
    async (code) => {
      behave = first(12, refuse(code, 'Request limit exceeded.', 503));
      const api = await open();
      expect(await vpcs(api)).toBe('vpc-1');
      expect([...api.calls]).toEqual([['DescribeVpcs', 13]]);
    },
  );

  it('is repeated after 503 Unavailable and 429 too', async () => {
    behave = (response, request) =>
      (request.number > 6 ? answer : request.number > 3 ? say(429, '') : refuse('Unavailable', '', 503))(
        response,
        request,
      );
    expect(await vpcs(await open())).toBe('vpc-1');
  });

  it('fails after 15 minutes, and is worth another try later', async () => {
    behave = refuse('RequestLimitExceeded', 'Request limit exceeded.', 503);
    const clock = createVirtualClock();
    const since = clock.now();
    const error = await errorOf(vpcs(await open({}, clock)));
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({
      message: `Cannot ask EC2 at "${url}" for DescribeVpcs: it still limits the rate of calls (RequestLimitExceeded: Request limit exceeded.)`,
      retryAfter: 60_000,
    });
    expect(clock.now() - since).toBeGreaterThanOrEqual(15 * 60_000);
    expect(clock.now() - since).toBeLessThan(16 * 60_000);
  });

  it('ends at once when it is cancelled while it waits', async () => {
    const cancel = new AbortController();
    behave = (response, request) => {
      refuse('RequestLimitExceeded', '', 503)(response, request);
      if (request.number === 2) setImmediate(() => cancel.abort(new Error('stop')));
    };
    const error = await errorOf(vpcs(await open({}, systemClock), cancel.signal));
    expect(error.message).toBe('stop');
    expect(requests).toBe(2);
  });
});

describe('a call that is not delivered', () => {
  it.each<[string, Behaviour]>([
    ['the connection is dropped', drop],
    ['EC2 has an internal error', refuse('InternalError', 'An internal error has occurred', 500)],
    ['the answer is a 502 of a proxy', say(502, 'Bad gateway')],
    ['the answer is an empty 503', say(503, '')],
    [
      'the answer breaks off',
      (response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('<DescribeVpcsResponse>', () => response.destroy());
      },
    ],
  ])('is made five times when %s', async (_, how) => {
    behave = first(4, how);
    const api = await open();
    expect(await vpcs(api)).toBe('vpc-1');
    expect([...api.calls]).toEqual([['DescribeVpcs', 5]]);
    requests = 0;
    behave = how;
    const error = await errorOf(vpcs(api));
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({ retryAfter: 10_000 });
    expect(error.message).toContain(`Cannot ask EC2 at "${url}" for DescribeVpcs: `);
    expect(requests).toBe(5);
  });

  it('names the host that there is not', async () => {
    // A label of more than 63 characters: there can be no such host, so that nobody is asked for it.
    const host = `${'a'.repeat(64)}.example`;
    const error = await errorOf(vpcs(await open({ endpoint: `http://${host}` })));
    expect(error.message).toBe(
      `Cannot ask EC2 at "http://${host}" for DescribeVpcs: there is no host "${host}" (ENOTFOUND)\nCheck the provider's "endpoint", and that this host resolves names.`,
    );
    expect(error).toMatchObject({ retryAfter: 10_000 });
  });

  it('names an endpoint at which nobody listens', async () => {
    const error = await errorOf(vpcs(await open({ endpoint: 'http://user:pw@127.0.0.1:9' })));
    expect(error.message).toContain(
      'Cannot ask EC2 at "http://127.0.0.1:9" for DescribeVpcs: connect ECONNREFUSED',
    );
  });

  it('is final when something else than EC2 answers', async () => {
    behave = say(200, '<!doctype html><html><p>Hello<br></html>');
    const error = await errorOf(vpcs(await open()));
    expect(error).toMatchObject({
      message: `Cannot ask EC2 at "${url}" for DescribeVpcs: it answers with HTTP status 200 and not as the service does\nCheck the provider's "endpoint"; NODE_EXTRA_CA_CERTS names a file of certificates to trust.`,
      retryAfter: null,
    });
    expect(requests).toBe(1);
  });

  it('is final when the endpoint talks no TLS', async () => {
    const error = await errorOf(vpcs(await open({ endpoint: url.replace('http:', 'https:') })));
    expect(error).toMatchObject({ retryAfter: null });
    expect(error.message).toContain('NODE_EXTRA_CA_CERTS');
  });
});

describe('what EC2 answers', () => {
  it('is an error with its code, also a lack of capacity, which has status 500', async () => {
    behave = refuse('InsufficientInstanceCapacity', 'We do not have enough.', 500);
    const error = await errorOf((await open()).runInstances({ ImageId: 'ami-1' }, { signal: NO_CANCEL }));
    expect(error).toBeInstanceOf(Ec2Error);
    expect(error).toMatchObject({
      message: 'InsufficientInstanceCapacity: We do not have enough.',
      code: 'InsufficientInstanceCapacity',
      call: 'RunInstances',
    });
    expect(requests).toBe(1);
  });

  it('loses the prefix that some clouds give a code', async () => {
    behave = refuse('Client.InvalidAMIID.NotFound', 'No such image');
    expect(await errorOf(vpcs(await open()))).toMatchObject({ code: 'InvalidAMIID.NotFound' });
  });

  it('sets the clock by it once, and asks again', async () => {
    const expired = refuse('RequestExpired', 'Request has expired.');
    behave = (response, request) => {
      response.setHeader('date', new Date(Date.now() + 3_600_000).toUTCString());
      (request.number === 1 ? expired : answer)(response, request);
    };
    expect(await vpcs(await open())).toBe('vpc-1');
    expect(requests).toBe(2);
    behave = expired;
    expect(await errorOf(vpcs(await open()))).toMatchObject({ code: 'RequestExpired' });
  });

  it('says so when there are no credentials', async () => {
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'])
      vi.stubEnv(name, undefined);
    try {
      for (const profile of [null, 'nobody']) {
        const error = await errorOf(vpcs(await open({ credentials: null, profile })));
        expect(error.message).toBe('CredentialsProviderError: no credentials were found');
        expect(error).toBeInstanceOf(Ec2Error);
      }
    } finally {
      vi.unstubAllEnvs();
    }
    expect(requests).toBe(0);
  });
});

describe('no error', () => {
  const userData = Buffer.from('#cloud-config\npassword: hunter2-hunter2\n').toString('base64');
  const input = { ImageId: 'ami-1', UserData: userData };
  const leaks: readonly [string, Behaviour][] = [
    ['is about a refusal', refuse('InvalidParameterValue', `Bad: ${userData} of ${SECRET} with ${TOKEN}`)],
    ['is about a throttled call', refuse('RequestLimitExceeded', TOKEN, 503)],
    ['is about a dropped connection', drop],
    ['is about an internal error', refuse('InternalError', userData, 500)],
    ['is about another service', say(200, `<html>${TOKEN}`)],
    [
      'is about a signature',
      refuse(
        'SignatureDoesNotMatch',
        `No. The Canonical String for this request should have been ${TOKEN}`,
        403,
      ),
    ],
  ];
  it.each(leaks)('shows credentials or user data when it %s', async (_, how) => {
    behave = how;
    const error = await errorOf((await open()).runInstances(input, { signal: NO_CANCEL }));
    const shown = [
      error.message,
      error.stack,
      inspect(error, { depth: 20, showHidden: true }),
      inspect(error.cause),
    ].join();
    for (const secret of [
      SECRET,
      TOKEN,
      userData,
      'hunter2',
      createHash('sha256').update(SECRET).digest('hex'),
    ])
      expect(shown).not.toContain(secret);
    expect(error.cause).toBeUndefined();
  });
});

describe('the gate of an account and region', () => {
  /** Answers requests when told, and tells how many wait for that. */
  function hold(): { readonly waiting: (() => void)[]; most: number } {
    const held: { readonly waiting: (() => void)[]; most: number } = { waiting: [], most: 0 };
    behave = (response, request) => {
      held.waiting.push(() => answer(response, request));
      held.most = Math.max(held.most, held.waiting.length);
      setImmediate(() => setImmediate(() => held.waiting.shift()?.()));
    };
    return held;
  }

  it('has at most 8 calls under way, whichever object makes them', async () => {
    const held = hold();
    const clock = createVirtualClock();
    const [one, other] = [await open({}, clock), await open({ name: 'again' }, clock)];
    await Promise.all([one, other].flatMap((api) => Array.from({ length: 20 }, () => vpcs(api))));
    expect(held.most).toBeLessThanOrEqual(8);
    expect(requests).toBe(40);
    expect(one.calls.get('DescribeVpcs')).toBe(20);
  });

  it('slows all objects down when one is throttled, but not another account', async () => {
    const clock = createVirtualClock();
    const [one, other] = [await open({}, clock), await open({}, clock)];
    const foreign = await open(
      { credentials: { accessKeyId: 'AKIAOTHER', secretAccessKey: SECRET, sessionToken: null } },
      clock,
    );
    behave = first(1, refuse('RequestLimitExceeded', '', 503));
    await vpcs(one);
    let since = clock.now();
    await vpcs(foreign);
    expect(clock.now() - since).toBe(0);
    since = clock.now();
    await vpcs(other);
    expect(clock.now() - since).toBeGreaterThan(100);
  });

  it('lets background calls wait for others', async () => {
    const order: string[] = [];
    behave = (response, request) => {
      order.push(new URLSearchParams(request.body).get('Action') ?? '');
      setImmediate(() => answer(response, request));
    };
    const api = await open();
    const tags = Array.from({ length: 20 }, (_, index) =>
      api.createTags([`i-${index}`], { Name: 'web' }, { signal: NO_CANCEL }),
    );
    const descriptions = Array.from({ length: 4 }, () => vpcs(api));
    await Promise.all([...tags, ...descriptions]);
    expect(order.lastIndexOf('DescribeVpcs')).toBeLessThan(14);
  });

  it('lets who waits behind stuck calls give up', async () => {
    behave = () => undefined;
    const api = await open({}, systemClock);
    const stuck = new AbortController();
    const calls = Array.from({ length: 8 }, () => errorOf(vpcs(api, stuck.signal)));
    const impatient = new AbortController();
    const waiting = errorOf(vpcs(api, impatient.signal));
    while (requests < 8) await systemClock.sleep(5, { signal: NO_CANCEL });
    impatient.abort(new Error('enough'));
    expect((await waiting).message).toBe('enough');
    stuck.abort(new Error('stop'));
    expect((await Promise.all(calls)).map(({ message }) => message)).toEqual(Array(8).fill('stop'));
    expect((await errorOf(vpcs(api, stuck.signal))).message).toBe('stop');
    expect(requests).toBe(8);
  });
});
