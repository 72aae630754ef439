import { expect, it } from 'vitest';
import { loginUser } from '../../../src/providers/ec2/login-user.ts';

it.each([
  ['ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20250805', '099720109477', 'ubuntu'],
  ['Deep Learning Base AMI (Ubuntu 22.04) 20250101', '898082745236', 'ubuntu'],
  ['our-base-image', '099720109477', 'ubuntu'],
  ['debian-12-amd64-20250721-2181', '136693071363', 'admin'],
  ['bitnami-wordpress-6.8-r01-linux-debian-12-x86_64-hvm-ebs', '979382823631', 'bitnami'],
  ['al2023-ami-2023.8.20250808.1-kernel-6.1-x86_64', '137112412989', 'ec2-user'],
  ['RHEL-9.4.0_HVM-20240605-x86_64-82-Hourly2-GP3', '309956199498', 'ec2-user'],
  ['suse-sles-15-sp6-v20250210-hvm-ssd-x86_64', '013907871322', 'ec2-user'],
  ['FreeBSD 14.2-RELEASE-amd64 UFS', '782442783595', 'ec2-user'],
  ['AlmaLinux OS 9.5.20241120 x86_64', '764336703387', 'ec2-user'],
  ['CentOS Linux 7 x86_64 - 2211', '125523088429', 'centos'],
  ['CentOS Stream 9 x86_64 20250101', '125523088429', 'ec2-user'],
  ['Fedora-Cloud-Base-AmazonEC2.x86_64-41-1.4', '125523088429', 'fedora'],
  ['fedora-coreos-41.20250105.3.0-x86_64', '125523088429', 'core'],
  ['Flatcar-stable-4081.2.1-hvm', '075585003325', 'core'],
  ['Rocky-9-EC2-Base-9.5-20241118.0.x86_64', '792107900819', 'rocky'],
  ['our-base-image', '123456789012', 'ec2-user'],
])('loginUser() of %s from %s is %s', (name, ownerId, user) => {
  expect(loginUser({ name, ownerId, platform: null })).toBe(user);
});

it('loginUser() of Windows is its administrator', () => {
  expect(loginUser({ name: 'ours', ownerId: '1', platform: 'windows' })).toBe('Administrator');
});
