import {
  ImportKeyPairCommand,
  RebootInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import type { BootRequest, MachineBackend } from './backend.ts';
import { startEc2Endpoint } from './endpoint.ts';
import { clientOf, errorOf, launchOf } from './trial.ts';

const KEY = `ssh-ed25519 ${Buffer.concat([part(Buffer.from('ssh-ed25519')), part(Buffer.alloc(32, 7))]).toString('base64')} me`;

function part(data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, data]);
}

function createRecorder(): MachineBackend & { readonly log: string[]; readonly booted: BootRequest[] } {
  const log: string[] = [];
  const booted: BootRequest[] = [];
  const step = async (what: string): Promise<void> => {
    log.push(`${what}…`);
    await new Promise((resolve) => setImmediate(resolve));
    log.push(what);
  };
  return {
    log,
    booted,
    boot: (machine) => {
      booted.push(machine);
      return step('boot');
    },
    stop: () => step('stop'),
    reboot: () => step('reboot'),
    terminate: () => step('terminate'),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

describe('a machine backend', () => {
  it('does what happens to its instance, one thing after another', async () => {
    const backend = createRecorder();
    const endpoint = await startEc2Endpoint({ backend, settings: { bootTime: 5 } });
    const client = clientOf(endpoint);
    await client.send(new ImportKeyPairCommand({ KeyName: 'mine', PublicKeyMaterial: Buffer.from(KEY) }));
    const { Instances } = await client.send(
      new RunInstancesCommand(
        launchOf(endpoint, { KeyName: 'mine', UserData: Buffer.from('hello').toString('base64') }),
      ),
    );
    const id = Instances?.[0]?.InstanceId ?? '';
    await expect.poll(() => backend.log).toEqual(['boot…', 'boot']);
    expect(backend.booted).toEqual([
      {
        id,
        address: endpoint.instances()[0]?.address,
        authorizedKeys: [KEY],
        userData: Buffer.from('hello'),
        user: 'ubuntu',
      },
    ]);
    const one = { InstanceIds: [id] };
    await client.send(new RebootInstancesCommand(one));
    await client.send(new StopInstancesCommand(one));
    await client.send(new StartInstancesCommand(one));
    await expect.poll(() => backend.booted.length).toBe(2);
    await client.send(new TerminateInstancesCommand(one));
    client.destroy();
    await endpoint[Symbol.asyncDispose]();
    expect(backend.log.filter((line) => !line.endsWith('…'))).toEqual([
      'boot',
      'reboot',
      'stop',
      'boot',
      'terminate',
    ]);
  });

  it('is not asked for what never ran', async () => {
    const backend = createRecorder();
    const endpoint = await startEc2Endpoint({ backend, settings: { bootTime: 60_000 } });
    const client = clientOf(endpoint);
    endpoint.stillborn();
    await client.send(new RunInstancesCommand(launchOf(endpoint, { MinCount: 2, MaxCount: 2 })));
    const InstanceIds = endpoint.instances().map(({ id }) => id);
    expect(await errorOf(client.send(new RebootInstancesCommand({ InstanceIds })))).toContain(
      'IncorrectInstanceState',
    );
    await client.send(new TerminateInstancesCommand({ InstanceIds }));
    client.destroy();
    await endpoint[Symbol.asyncDispose]();
    expect(backend.log).toEqual([]);
  });

  it('fails the disposal of its endpoint when it fails', async () => {
    const backend = { ...createRecorder(), boot: () => Promise.reject(new Error('no sshd')) };
    const endpoint = await startEc2Endpoint({ backend });
    const client = clientOf(endpoint);
    await client.send(new RunInstancesCommand(launchOf(endpoint)));
    client.destroy();
    await expect(endpoint.settled()).rejects.toThrow('The machine backend failed');
    endpoint.end(endpoint.instances()[0]?.id ?? '');
    await endpoint[Symbol.asyncDispose]();
    expect(backend.log).toEqual(['terminate…', 'terminate']);
  });
});

describe('power calls', () => {
  it('leave instances alone that cannot do it', async () => {
    await using endpoint = await startEc2Endpoint();
    const client = clientOf(endpoint);
    const launched = async (
      rest: Parameters<typeof launchOf>[1],
    ): Promise<{ readonly InstanceIds: string[] }> => {
      const { Instances = [] } = await client.send(new RunInstancesCommand(launchOf(endpoint, rest)));
      return { InstanceIds: Instances.map(({ InstanceId = '' }) => InstanceId) };
    };
    const store = await launched({ ImageId: endpoint.fixtures().instanceStore, InstanceType: 'm5d.large' });
    expect(await errorOf(client.send(new StopInstancesCommand(store)))).toBe(
      `UnsupportedOperation (400): The instance '${store.InstanceIds[0] ?? ''}' does not have an 'ebs' root device type and cannot be stopped.`,
    );
    const guarded = await launched({ DisableApiTermination: true });
    expect(await errorOf(client.send(new TerminateInstancesCommand(guarded)))).toMatch(
      /^OperationNotPermitted \(400\)/,
    );
    const both = { InstanceIds: [...store.InstanceIds, ...guarded.InstanceIds] };
    expect(await errorOf(client.send(new StopInstancesCommand(both)))).toContain('UnsupportedOperation');
    expect(await errorOf(client.send(new StopInstancesCommand({ ...guarded, DryRun: true })))).toContain(
      'DryRunOperation',
    );
    expect(endpoint.instances().map(({ state }) => state)).toEqual(['running', 'running']);
    endpoint.setState(guarded.InstanceIds[0] ?? '', 'stopping');
    expect(await errorOf(client.send(new StartInstancesCommand(guarded)))).toMatch(
      /^IncorrectInstanceState \(400\)/,
    );
    expect(await errorOf(client.send(new RebootInstancesCommand(guarded)))).toMatch(
      /^IncorrectInstanceState \(400\)/,
    );
    await client.send(new StopInstancesCommand(guarded));
    await client.send(new TerminateInstancesCommand(store));
    await client.send(new TerminateInstancesCommand(store));
    expect(await errorOf(client.send(new StopInstancesCommand({ InstanceIds: [] })))).toContain(
      'MissingParameter',
    );
    const many = Array.from({ length: 1001 }, (_, i) => `i-${i.toString(16).padStart(17, '0')}`);
    expect(await errorOf(client.send(new StopInstancesCommand({ InstanceIds: many })))).toContain(
      'InvalidParameterValue',
    );
    endpoint.setState(guarded.InstanceIds[0] ?? '', 'stopped');
    endpoint.refuse({ code: 'InsufficientInstanceCapacity' });
    expect(await errorOf(client.send(new StartInstancesCommand(guarded)))).toContain(
      'InsufficientInstanceCapacity (500)',
    );
    client.destroy();
  });
});
