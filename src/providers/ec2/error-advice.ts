import type { Ec2Error } from './api.ts';
import type { ErrorKind } from './errors.ts';
import { errorKind } from './errors.ts';

const CREDENTIALS =
  'Check the region, and the access key with its secret: AWS_ACCESS_KEY_ID, the profile, or "accessKeyId" of the provider.';
const SIGN_IN = 'Sign in again, e.g. aws sso login, or renew the session token.';
const ELSEWHERE = 'Try later, or list more types or subnets as "ec2.instanceType" and "ec2.subnetId".';
const OTHER_ZONE = 'Use an instance type that is offered in the zone, or a subnet of another zone.';
const FEWER = 'or use fewer or smaller machines.';
const AS_NAMED = 'Check the name in the plan and the region of the provider.';
const SUPPORT = 'Follow the link in the message, or ask AWS Support about the account.';

/** What to do about each code that is known, one line. */
const ADVICE: Readonly<Record<string, string>> = {
  InsufficientAddressCapacity: ELSEWHERE,
  InsufficientCapacity: ELSEWHERE,
  InsufficientCapacityOnHost: ELSEWHERE,
  InsufficientFreeAddressesInSubnet: 'Use a larger subnet, or list another one for the service.',
  InsufficientHostCapacity: 'Allocate another dedicated host, or list another instance type.',
  InsufficientInstanceCapacity: ELSEWHERE,
  InsufficientReservedInstanceCapacity: ELSEWHERE,
  InsufficientVolumeCapacity: 'Try later, or use a subnet of another zone.',
  MaxSpotInstanceCountExceeded: `Ask for a higher quota "All Standard Spot Instance Requests" in Service Quotas, ${FEWER}`,
  SpotMaxPriceTooLow: 'Raise or leave out "ec2.spot.maxPrice", or list other instance types or subnets.',
  UnfulfillableCapacity: ELSEWHERE,
  Unsupported: OTHER_ZONE,
  UnsupportedHostConfiguration: OTHER_ZONE,

  AddressLimitExceeded: 'Release Elastic IP addresses, or ask for a higher quota in Service Quotas.',
  HostLimitExceeded: 'Ask for a higher quota of dedicated hosts in Service Quotas.',
  InstanceLimitExceeded: `Ask for a higher quota "Running On-Demand … instances" in Service Quotas, ${FEWER}`,
  KeyPairLimitExceeded: 'Delete key pairs that are not used, or name one with "ec2.keyName".',
  NetworkInterfaceLimitExceeded: `Ask for a higher quota "Network interfaces per Region" in Service Quotas, ${FEWER}`,
  ResourceLimitExceeded: 'Ask for a higher quota in Service Quotas.',
  RulesPerSecurityGroupLimitExceeded: 'Admit fewer address blocks in "sshFrom", or ask for a higher quota.',
  SecurityGroupLimitExceeded:
    'Delete security groups that are not used, name one with "ec2.securityGroupIds", or ask for a higher quota.',
  SecurityGroupsPerInstanceLimitExceeded: 'Name fewer groups in "ec2.securityGroupIds".',
  SecurityGroupsPerInterfaceLimitExceeded: 'Name fewer groups in "ec2.securityGroupIds".',
  SpotInstanceCountExceeded: `Ask for a higher quota "All Standard Spot Instance Requests" in Service Quotas, ${FEWER}`,
  TagLimitExceeded: 'Give the machines fewer labels and tags: EC2 takes 50 for each.',
  VcpuLimitExceeded: `Ask for a higher quota "Running On-Demand … instances" in Service Quotas, ${FEWER}`,
  VolumeLimitExceeded: 'Ask for a higher quota of EBS storage in Service Quotas, or use smaller volumes.',

  AuthFailure: `${CREDENTIALS} An image may also be private to another account.`,
  Blocked: SUPPORT,
  CredentialsProviderError:
    'Sign in, e.g. aws sso login, set AWS_PROFILE or AWS_ACCESS_KEY_ID, or give the provider "accessKeyId" and "secretAccessKey".',
  ExpiredToken: SIGN_IN,
  ExpiredTokenException: SIGN_IN,
  IncompleteSignature: CREDENTIALS,
  InvalidAccessKeyId: CREDENTIALS,
  InvalidClientTokenId: CREDENTIALS,
  InvalidSecurityToken: SIGN_IN,
  InvalidSignatureException: CREDENTIALS,
  MissingAuthenticationToken: CREDENTIALS,
  MissingAuthenticationTokenException: CREDENTIALS,
  OptInRequired: 'Subscribe to the image in the AWS Marketplace, or enable the region for the account.',
  PendingVerification: SUPPORT,
  RequestExpired: "Check this host's clock, and renew the session token if it is an old one.",
  SignatureDoesNotMatch: CREDENTIALS,
  TokenProviderError: SIGN_IN,
  UnauthorizedException: SIGN_IN,
  UnrecognizedClientException: CREDENTIALS,

  IdempotentParameterMismatch: 'This batch was launched with other parameters before. This is a bug in plan.',
  'InvalidAMIID.Malformed': 'Write the image as "ami-…", "ssm:/…", or { owner, name }.',
  'InvalidAMIID.NotFound':
    'Check the image and the region: every region has its own ids, and a private one is to be shared.',
  'InvalidAMIID.Unavailable': 'Wait until the image is available, or use another one.',
  'InvalidGroup.NotFound': AS_NAMED,
  InvalidInstanceType: 'Check the spelling of the instance type, and that the region has it.',
  'InvalidKeyPair.NotFound': AS_NAMED,
  'InvalidPlacementGroup.Unknown': AS_NAMED,
  'InvalidSubnetID.NotFound': AS_NAMED,
  InvalidBlockDeviceMapping: 'Make "ec2.rootVolume.sizeGiB" at least as large as the snapshot of the image.',
  OperationNotPermitted: 'It is protected, or not to be done to such an instance; see the message.',
  UnsupportedOperation: 'See the message: EC2 does not do this to such an instance.',
  VPCIdNotSpecified: 'The account has no default VPC: name a "ec2.subnetId".',
  MissingInput: 'The account may have no default VPC: name a "ec2.subnetId".',

  DependencyViolation: 'Something still uses it; see in the EC2 console what does.',
  IncorrectInstanceState: 'Wait until the instance is in another state, and try again.',
  IncorrectState: 'Wait until it is in another state, and try again.',
  ResourceInUse: 'Something still uses it; see in the EC2 console what does.',
};

/** What to do about other codes of a kind. */
const ADVICE_BY_KIND: Partial<Record<ErrorKind, string>> = {
  quota: 'Ask for a higher quota in Service Quotas, or use less of it.',
  auth: CREDENTIALS,
  missing: AS_NAMED,
  invalid: 'Change what the message speaks of under "ec2" or "labels" in the plan.',
};

/** Codes by which a service says that the action is not allowed. */
const FORBIDDEN = new Set(['UnauthorizedOperation', 'AccessDenied', 'AccessDeniedException']);
/** How IAM writes an action in its messages. */
const IAM_ACTION = /perform: ([\w-]+:\w+)/;
/** Calls of other services than EC2. */
const SERVICES: Readonly<Record<string, string>> = {
  GetParameter: 'ssm',
  ListServiceQuotas: 'servicequotas',
};

/** What to do about an error of EC2, one line; null: the message says all that is known. */
export function adviceOn({
  code,
  call,
  message,
}: Pick<Ec2Error, 'code' | 'call' | 'message'>): string | null {
  if (!FORBIDDEN.has(code)) return ADVICE[code] ?? ADVICE_BY_KIND[errorKind(code)] ?? null;
  const action = IAM_ACTION.exec(message)?.[1] ?? `${SERVICES[call] ?? 'ec2'}:${call}`;
  return `Allow the action "${action}" in an IAM policy of who runs this.`;
}
