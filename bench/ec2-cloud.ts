import { once } from 'node:events';
import { startEc2Endpoint } from '../test/support/ec2/endpoint.ts';
import { AWS_LIMITS } from '../test/support/ec2/throttle.ts';

/** An EC2 endpoint with AWS's own limits, in a process of its own, until its stdin ends; prints its address. */
await using endpoint = await startEc2Endpoint({
  limits: AWS_LIMITS,
  settings: { bootTime: Number(process.argv[2]) },
});
const { url, region, credentials } = endpoint;
process.stdout.write(`${JSON.stringify({ url, region, credentials, image: endpoint.fixtures().debian })}\n`);
await once(process.stdin.resume(), 'end');
