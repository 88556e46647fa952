import type { SideStore } from '../../../store/beside.ts';
import { MemoryTraffic } from './memory-traffic.ts';
import type { TrafficStore } from './traffic-store.ts';
import { postgresTraffic } from './postgres-traffic.ts';

export const TRAFFIC: SideStore<TrafficStore> = { postgres: postgresTraffic, memory: () => new MemoryTraffic() };
