import { DescribeInstancesCommand, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { expect, it } from 'vitest';
import { startEc2Endpoint } from './endpoint.ts';
import { clientOf, launchOf, post, signedHeaders } from './trial.ts';

it('a thousand instances are described in one call for little of the processor', async () => {
  await using endpoint = await startEc2Endpoint();
  const client = clientOf(endpoint);
  for (let batch = 0; batch < 10; batch += 1) {
    await client.send(new RunInstancesCommand(launchOf(endpoint, { MinCount: 100, MaxCount: 100 })));
  }
  const InstanceIds = endpoint.instances().map(({ id }) => id);
  const headers = await signedHeaders(client, async () => {
    const { Reservations = [] } = await client.send(new DescribeInstancesCommand({ InstanceIds }));
    expect(Reservations.map(({ Instances = [] }) => Instances.length)).toEqual(
      Array.from({ length: 10 }, () => 100),
    );
  });
  client.destroy();
  const ids = InstanceIds.map((id, index) => `&InstanceId.${index + 1}=${id}`).join('');
  const before = process.cpuUsage();
  const answer = await post(endpoint.url, headers, `Action=DescribeInstances&Version=2016-11-15${ids}`);
  const { user, system } = process.cpuUsage(before);
  expect(answer.match(/<instanceId>/g)).toHaveLength(1000);
  expect((user + system) / 1000).toBeLessThan(300);
});
