import type { Resource } from '../../api/metadata.ts';
import type { ConfigData } from '../shared/config-data.ts';

export type ConfigMap = Resource & ConfigData;

export const isConfigMap = (r: Resource): r is ConfigMap => r.kind === 'ConfigMap';
