/**
 * What a worker says of itself that runs containers in a Kubernetes cluster, and a manifest asks for that is
 * to run there: whoever runs the cluster could read what its programs are told, so that no lease gets there
 * unasked.
 */
export const CLUSTER_ATTRIBUTE = { name: 'cluster', value: 'kubernetes' } as const
