import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/clock.ts';
import type { RateLimiter, Turn } from '../../../src/providers/ec2/rate-limiter.ts';
import { createRateLimiter } from '../../../src/providers/ec2/rate-limiter.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const { signal } = new AbortController();

/** Seconds from a rate of 10 calls to one of 50, five times as much, by the cubic. */
const RAMP = 9;

/** Waits for a turn and begins a call. */
async function begin(limiter: RateLimiter): Promise<Turn> {
  for (;;) {
    const turn = await limiter.turn({ signal });
    if (limiter.begin(turn)) return turn;
  }
}

/** A token bucket as EC2 has it; answers whether a call is let through. */
function createBucket(clock: Clock, { size, perSecond }: { size: number; perSecond: number }): () => boolean {
  let left = size;
  let at = clock.now();
  return () => {
    left = Math.min(size, left + ((clock.now() - at) / 1_000) * perSecond);
    at = clock.now();
    if (left + 1e-9 < 1) return false;
    left -= 1;
    return true;
  };
}

/** Makes calls until so many got through, 8 at a time. Answers the seconds that it took and the calls that did not. */
async function drive(
  total: number,
  bucket: { size: number; perSecond: number },
): Promise<{ seconds: number; throttled: number }> {
  const clock = createVirtualClock();
  const limiter = createRateLimiter(clock);
  const admit = createBucket(clock, bucket);
  const since = clock.now();
  let left = total;
  let throttled = 0;
  async function work(): Promise<void> {
    while (left > 0) {
      left -= 1;
      for (;;) {
        const turn = await begin(limiter);
        await clock.sleep(20, { signal });
        if (admit()) break;
        throttled += 1;
        limiter.throttled(turn);
      }
    }
  }
  await Promise.all(Array.from({ length: 8 }, work));
  return { seconds: (clock.now() - since) / 1_000, throttled };
}

describe('a rate limiter', () => {
  it('lets everything through until a call is throttled', async () => {
    const clock = createVirtualClock();
    const limiter = createRateLimiter(clock);
    const since = clock.now();
    for (let i = 0; i < 500; i += 1) await begin(limiter);
    expect(clock.now() - since).toBe(0);
  });

  it('goes on at half the measured rate after a throttled call, and grows from there', async () => {
    const clock = createVirtualClock();
    const limiter = createRateLimiter(clock);
    let turn = await begin(limiter);
    for (let i = 1; i < 16; i += 1) turn = await begin(limiter);
    limiter.throttled(turn);
    const since = clock.now();
    const times: number[] = [];
    for (let i = 0; i < 300; i += 1) {
      await begin(limiter);
      times.push((clock.now() - since) / 1_000);
    }
    const near = (count: number) => (found: number) => Math.abs(found - count) <= 2;
    const within = (from: number, to: number): number => times.filter((at) => at > from && at <= to).length;
    // 8 calls a second at first, 16 after three seconds, 24 after six, 80 after nine.
    const counts = [0, 1, 2, 3, 5, 8].map((from) => within(from, from + 1));
    expect(counts).toEqual([11, 15, 16, 16, 21, 66].map((count) => expect.toSatisfy(near(count)) as number));
  });

  it('halves its rate once for all calls that were under way', async () => {
    const clock = createVirtualClock();
    const limiter = createRateLimiter(clock);
    const turns = await Promise.all(Array.from({ length: 8 }, () => begin(limiter)));
    for (const turn of turns) limiter.throttled(turn);
    const since = clock.now();
    for (let i = 0; i < 4; i += 1) await begin(limiter);
    expect(clock.now() - since).toBeLessThan(1_000);
  });

  it('never goes slower than a call a second', async () => {
    const clock = createVirtualClock();
    const limiter = createRateLimiter(clock);
    for (let i = 0; i < 10; i += 1) limiter.throttled(await begin(limiter));
    const since = clock.now();
    await begin(limiter);
    expect(clock.now() - since).toBeLessThanOrEqual(1_000);
  });

  it('wastes little of what a bucket allows', async () => {
    const launches = await drive(40, { size: 5, perSecond: 2 });
    expect(launches.seconds).toBeLessThan(((40 - 5) / 2) * 1.25);
    expect(launches.throttled).toBeLessThan(25);
    const descriptions = await drive(1_000, { size: 100, perSecond: 20 });
    expect(descriptions.seconds).toBeLessThan(((1_000 - 100) / 20) * 1.25);
    expect(descriptions.throttled).toBeLessThan(100);
  });

  it('serves everybody within half as much again as any bucket needs, and the time that the rate takes to grow', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 200 }),
        async (size, perSecond, total) => {
          const { seconds } = await drive(total, { size, perSecond });
          expect(seconds).toBeLessThan((Math.max(0, total - size) / perSecond) * 1.5 + RAMP);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('forgets who gives up waiting', async () => {
    const clock = createVirtualClock();
    const limiter = createRateLimiter(clock);
    limiter.throttled(await limiter.turn({ signal }));
    const given = new AbortController();
    const waits = limiter.turn({ signal: given.signal });
    const next = limiter.turn({ signal });
    given.abort(new Error('enough'));
    await expect(waits).rejects.toThrow('enough');
    await next;
    await expect(limiter.turn({ signal: given.signal })).rejects.toThrow('enough');
    const last = new AbortController();
    const alone = limiter.turn({ signal: last.signal });
    last.abort(new Error('no more'));
    await expect(alone).rejects.toThrow('no more');
    await limiter.turn({ signal });
  });

  it('takes leaves back that were not used before its rate was cut', async () => {
    const limiter = createRateLimiter(createVirtualClock());
    const [used, kept] = [await begin(limiter), await limiter.turn({ signal })];
    limiter.throttled(used);
    expect(limiter.begin(kept)).toBe(false);
    expect(limiter.begin(await limiter.turn({ signal }))).toBe(true);
  });
});
