/** What a template of instances is checked and completed with, in another room. */
export { checkInstance, checkPublishing } from './admission.ts';
export { initSaid, withInit } from './defaults.ts';
export { checkHostAccess } from './host-access.ts';
export { instanceSpecSchema } from './schema.ts';
