import { portMethod } from '../port-method.ts';
import type { Cancel } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { Ec2Error } from './api.ts';
import { adviceOn } from './error-advice.ts';
import { errorKind } from './errors.ts';

/** A method as the port promises it, which rejects with no `Ec2Error`. */
export function inPortWords<Arguments extends readonly unknown[], Answer>(
  method: (...all: readonly [...Arguments, Cancel]) => Promise<Answer>,
): (...all: readonly [...Arguments, Cancel]) => Promise<Answer> {
  return portMethod(method, (error) => (error instanceof Ec2Error ? providerError(error) : error));
}

function providerError(error: Ec2Error): ProviderError {
  const advice = adviceOn(error);
  return new ProviderError(
    `EC2 refused ${error.call}: ${error.message}${advice === null ? '' : `\n${advice}`}`,
    { cause: error, isFinal: errorKind(error.code) === 'auth' },
  );
}
