/** What went through a load balancer, or to one of its targets, in the time before one moment. */
export interface TrafficSample extends TrafficRates {
  /** Its uid. */
  loadBalancerId: string;
  /** The target instance's uid; the load balancer's own for all of it together. */
  targetId: string;
  at: Date;
}

export interface TrafficRates {
  /** Requests a second; of a TCP load balancer, connections. */
  requestRate: number;
  /** Those of them that got no answer of a target. */
  failedRate: number;
  /** Answers with a status of 500 or above. */
  errorRate: number;
  /** Milliseconds to the first byte, on average; left out where nothing was asked. */
  latencyMs?: number;
}
