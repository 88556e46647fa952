/** What a template of instances is checked and completed with, in another room. */
export { checkInstance, checkPublishing } from './admission.ts';
export { digestChanges } from './config/changes.ts';
export { configConditions, CONFIG_NOT_FOUND } from './config/conditions.ts';
export { resolveConfig } from './config/resolve.ts';
export { sourcesOf } from './config/uses.ts';
export { initSaid, withInit } from './defaults.ts';
export { checkHostAccess } from './host-access.ts';
export { instanceSpecSchema } from './schema.ts';
export { policyProblems } from './security-level.ts';
export { sizeOf, withSize } from './size.ts';
