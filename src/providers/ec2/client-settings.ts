import type { Ec2Config } from './config.ts';
import { CALLS_AT_ONCE } from './gate.ts';

/** How the SDK's clients are made, all alike. */
export interface ClientSettings {
  region: string;
  endpoint?: string;
  profile?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  maxAttempts: number;
  requestHandler: {
    connectionTimeout: number;
    requestTimeout: number;
    socketTimeout: number;
    throwOnRequestTimeout: boolean;
    httpAgent: { keepAlive: boolean; maxSockets: number };
    httpsAgent: { keepAlive: boolean; maxSockets: number };
  };
}

const CONNECT = 10_000;
const ANSWER = 60_000;

/** The SDK makes every call once: repeating is for `calls.ts`. */
export function clientSettings(config: Ec2Config): ClientSettings {
  const agent = { keepAlive: true, maxSockets: CALLS_AT_ONCE };
  return {
    region: config.region,
    ...(config.endpoint === null ? {} : { endpoint: config.endpoint }),
    ...credentialsOf(config),
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: CONNECT,
      requestTimeout: ANSWER,
      socketTimeout: ANSWER,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
  };
}

function credentialsOf({ credentials, profile }: Ec2Config): Pick<ClientSettings, 'credentials' | 'profile'> {
  if (credentials === null) return profile === null ? {} : { profile };
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return {
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) },
  };
}

const SILENCE = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED';

/** Makes a client while the SDK is told not to write about the running Node's age to stderr. */
export function makeSilently<T>(make: () => T): T {
  const before = process.env[SILENCE];
  process.env[SILENCE] = 'true';
  try {
    return make();
  } finally {
    if (before === undefined) Reflect.deleteProperty(process.env, SILENCE);
    else process.env[SILENCE] = before;
  }
}
