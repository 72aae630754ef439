import { describe, it } from 'vitest';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import { connectionContract } from './connection-contract.ts';

const missing = sshdMissing();
if (missing === undefined) connectionContract('openSsh() with OpenSSH', startSshd);
else describe.skip(`openSsh() with OpenSSH: ${missing}`, () => it('is not tried', () => undefined));
