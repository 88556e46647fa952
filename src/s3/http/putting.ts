/** What putting an object wants of who does it. */
export const PUTTING = {
  action: 's3:PutObject',
  permission: { verb: 'update', of: 'objects' },
  grant: { of: 'bucket', permission: 'WRITE' },
} as const;
