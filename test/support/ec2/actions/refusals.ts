import { ApiError } from '../api-error.ts';
import type { Realm } from '../realm.ts';

interface Subject {
  readonly type: string;
  readonly zone: string;
  readonly subnet?: string;
  readonly realm: Realm;
}

const MESSAGES: Readonly<Record<string, (subject: Subject) => string>> = {
  InsufficientInstanceCapacity: ({ type, zone, realm }) =>
    `We currently do not have sufficient ${type} capacity in the Availability Zone you requested (${zone}). Our ` +
    `system will be working on provisioning additional capacity. You can currently get ${type} capacity by not ` +
    `specifying an Availability Zone in your request or choosing ${realm.zones.filter((one) => one !== zone).join(', ')}.`,
  InstanceLimitExceeded: () => 'Your quota allows for 0 more running instance(s). You requested at least 1',
  VcpuLimitExceeded: ({ realm }) =>
    `You have requested more vCPU capacity than your current vCPU limit of ${realm.quotas.onDemand} allows for the ` +
    'instance bucket that the specified instance type belongs to. Please visit ' +
    'http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.',
  MaxSpotInstanceCountExceeded: () => 'Max spot instance count exceeded',
  SpotMaxPriceTooLow: () =>
    'Your Spot request price of 0.001 is lower than the minimum required Spot request fulfillment price of 0.0031.',
  Unsupported: ({ type, zone, realm }) =>
    `Your requested instance type (${type}) is not supported in your requested Availability Zone (${zone}). Please ` +
    'retry your request by not specifying an Availability Zone or choosing ' +
    `${realm.zones.filter((one) => one !== zone).join(', ')}.`,
  InsufficientFreeAddressesInSubnet: ({ subnet = '' }) =>
    `There are not enough free addresses in subnet '${subnet}' to satisfy the requested number of instances.`,
  OptInRequired: () => 'In order to use this AWS Marketplace product you need to accept terms and subscribe.',
  PendingVerification: () =>
    'Your request for accessing resources in this region is being validated, and you will not be able to launch ' +
    'additional resources in this region until the validation is complete.',
};

/** An error that a launch is refused with, in AWS's words where they are known. */
export function refusal(code: string, subject: Subject): ApiError {
  return new ApiError(code, MESSAGES[code]?.(subject) ?? `The launch was refused with ${code}.`);
}
