import { DockerError } from '../../docker-transport.ts';
import { ProviderError } from '../provider.ts';
import type { Cancel } from '../provider.ts';

/** A method as the port promises it: it rejects with the signal's reason at once, and with no `DockerError`. */
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
      throw error instanceof DockerError ? providerError(error) : error;
    }
  };
}

export function providerError(error: DockerError): ProviderError {
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') {
    const hint = 'Become a member of the group that owns its socket ("docker"), or set DOCKER_HOST.';
    return new ProviderError(`${error.message}\n${hint}`, { isFinal: true, cause: error });
  }
  const isUnreachable = error.status === null;
  const hint = isUnreachable ? '\nStart it, or set DOCKER_HOST or the context to one that runs.' : '';
  return new ProviderError(`${error.message}${hint}`, { cause: error });
}
