/** S3's rule: 3 to 63 characters, and not in the form of an IP address. */
export const isBucketName = (name: string): boolean =>
  /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes('..') && !/^(\d+\.){3}\d+$/.test(name);
