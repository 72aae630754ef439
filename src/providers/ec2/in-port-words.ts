import type { Cancel } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { Ec2Error } from './api.ts';
import { adviceOn } from './error-advice.ts';
import { errorKind } from './errors.ts';

/** A method as the port promises it: it rejects with the signal's reason at once, and with no `Ec2Error`. */
export function inPortWords<Arguments extends readonly unknown[], Answer>(
  method: (...all: readonly [...Arguments, Cancel]) => Promise<Answer>,
): (...all: readonly [...Arguments, Cancel]) => Promise<Answer> {
  return async (...all) => {
    const cancel = all.at(-1) as Cancel;
    cancel.signal.throwIfAborted();
    try {
      return await method(...all);
    } catch (error) {
      cancel.signal.throwIfAborted();
      throw error instanceof Ec2Error ? providerError(error) : error;
    }
  };
}

function providerError(error: Ec2Error): ProviderError {
  const advice = adviceOn(error);
  return new ProviderError(
    `EC2 refused ${error.call}: ${error.message}${advice === null ? '' : `\n${advice}`}`,
    { cause: error, isFinal: errorKind(error.code) === 'auth' },
  );
}
