/** What an error code of EC2 means for whoever asked. */
export type ErrorKind =
  /** No room for it here and now; another type, another place or a later time may do. */
  | 'capacity'
  /** The account may not have more of it. */
  | 'quota'
  /** Who asks is not known or not allowed. */
  | 'auth'
  | 'missing'
  /** The request makes no sense to EC2, whenever it is made. */
  | 'invalid'
  /** It is in a state, or in a use, in which this is not done to it. */
  | 'conflict'
  | 'other';

/** Codes of what was said about an instance that EC2 does not know. */
export const NO_SUCH_INSTANCE: ReadonlySet<string> = new Set([
  'InvalidInstanceID.NotFound',
  'InvalidInstanceID.Malformed',
  'InvalidInstanceID',
]);

const KINDS: Readonly<Record<Exclude<ErrorKind, 'missing' | 'other'>, ReadonlySet<string>>> = {
  capacity: new Set([
    'InsufficientAddressCapacity',
    'InsufficientCapacity',
    'InsufficientCapacityOnHost',
    'InsufficientFreeAddressesInSubnet',
    'InsufficientHostCapacity',
    'InsufficientInstanceCapacity',
    'InsufficientReservedInstanceCapacity',
    'InsufficientVolumeCapacity',
    'MaxSpotInstanceCountExceeded',
    'SpotMaxPriceTooLow',
    'UnfulfillableCapacity',
    'Unsupported',
    'UnsupportedHostConfiguration',
  ]),
  quota: new Set([
    'AddressLimitExceeded',
    'AttachmentLimitExceeded',
    'HostLimitExceeded',
    'InstanceLimitExceeded',
    'KeyPairLimitExceeded',
    'MaxIOPSLimitExceeded',
    'NetworkInterfaceLimitExceeded',
    'PrivateIpAddressLimitExceeded',
    'ResourceLimitExceeded',
    'RulesPerSecurityGroupLimitExceeded',
    'SecurityGroupLimitExceeded',
    'SecurityGroupsPerInstanceLimitExceeded',
    'SecurityGroupsPerInterfaceLimitExceeded',
    'SpotInstanceCountExceeded',
    'TagLimitExceeded',
    'VcpuLimitExceeded',
    'VolumeLimitExceeded',
  ]),
  auth: new Set([
    'AccessDenied',
    'AccessDeniedException',
    'AuthFailure',
    'Blocked',
    'CredentialsProviderError',
    'ExpiredToken',
    'ExpiredTokenException',
    'IncompleteSignature',
    'InvalidAccessKeyId',
    'InvalidClientTokenId',
    'InvalidSecurityToken',
    'InvalidSignatureException',
    'MissingAuthenticationToken',
    'MissingAuthenticationTokenException',
    'NotAuthorized',
    'OptInRequired',
    'PendingVerification',
    'RequestExpired',
    'SignatureDoesNotMatch',
    'TokenProviderError',
    'UnauthorizedException',
    'UnauthorizedOperation',
    'UnrecognizedClientException',
    'UnrecognizedClient',
  ]),
  invalid: new Set([
    'IdempotentParameterMismatch',
    'InstanceTpmEkPubNotFound',
    'MalformedQueryString',
    'MissingAction',
    'MissingInput',
    'MissingParameter',
    'NoSuchVersion',
    'OperationNotPermitted',
    'ReadOnlyArgument',
    'UnknownOperation',
    'UnknownParameter',
    'UnsupportedInstanceAttribute',
    'UnsupportedOperation',
    'UnsupportedTenancy',
    'ValidationError',
    'ValidationException',
    'VPCIdNotSpecified',
  ]),
  conflict: new Set([
    'DependencyViolation',
    'IncorrectInstanceState',
    'IncorrectState',
    'InvalidGroup.InUse',
    'OperationInProgress',
    'ResourceInUse',
    'VolumeInUse',
  ]),
};

/** EC2 makes it the client's business to ask less often. */
const THROTTLES: ReadonlySet<string> = new Set([
  'BandwidthLimitExceeded',
  'ConcurrentTagAccess',
  'EC2ThrottledException',
  'PriorRequestNotComplete',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'TooManyRequestsException',
  'Unavailable',
]);

/** EC2's own trouble, over at the next try as a rule. */
const BREAKDOWNS: ReadonlySet<string> = new Set([
  'InternalError',
  'InternalFailure',
  'InternalServerError',
  'RequestTimeout',
  'RequestTimeoutException',
  'ServerInternal',
]);

export function errorKind(code: string): ErrorKind {
  for (const kind of ['capacity', 'quota', 'auth', 'invalid', 'conflict'] as const)
    if (KINDS[kind].has(code)) return kind;
  if (/NotFound$|^ParameterNotFound|\.Unknown$/.test(code)) return 'missing';
  if (code.endsWith('.Duplicate')) return 'conflict';
  return code.startsWith('Invalid') ? 'invalid' : 'other';
}

export function isThrottle(code: string, words: string): boolean {
  return THROTTLES.has(code) || (code.endsWith('LimitExceeded') && /request rate|throttl/i.test(words));
}

export function isBreakdown(code: string): boolean {
  return BREAKDOWNS.has(code);
}
