export { applyOps, startCluster, type TestCluster } from './cluster.ts'
export { hasKubernetes } from './programs.ts'
