// What is used of Kubernetes' objects (core/v1, networking.k8s.io/v1), as JSON has them. Where an API server
// answers, any of it may be missing.

export interface ObjectMeta {
  name?: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  deletionTimestamp?: string
  ownerReferences?: {
    apiVersion: string
    kind: string
    name: string
    uid: string
    controller: boolean
    blockOwnerDeletion: boolean
  }[]
}

/** Any object. */
export interface ApiObject {
  metadata?: ObjectMeta
  [field: string]: unknown
}

export interface ApiList<T> {
  metadata?: ObjectMeta
  items: T[]
}

export interface ApiStatus {
  status?: string
  message?: string
  details?: { causes?: { reason?: string; message?: string }[] }
}

export interface SecurityContext {
  allowPrivilegeEscalation?: boolean
  privileged?: boolean
  capabilities?: { drop?: string[]; add?: string[] }
  readOnlyRootFilesystem?: boolean
  runAsUser?: number
  runAsGroup?: number
}

export interface VolumeMount {
  name: string
  mountPath: string
  subPath?: string
  readOnly?: boolean
}

export interface Volume {
  name: string
  configMap?: { name: string; defaultMode: number }
  emptyDir?: { medium: 'Memory'; sizeLimit: string }
  persistentVolumeClaim?: { claimName: string }
}

export interface PodContainer {
  name: string
  image: string
  imagePullPolicy: 'IfNotPresent'
  command: string[]
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> }
  securityContext?: SecurityContext
  volumeMounts?: VolumeMount[]
  tty?: boolean
  stdin?: boolean
  stdinOnce?: boolean
  terminationMessagePolicy?: 'File'
}

interface ContainerState {
  waiting?: { reason?: string; message?: string }
  running?: { startedAt?: string }
  terminated?: { exitCode?: number; reason?: string; startedAt?: string }
}

export interface ContainerStatusOfPod {
  name?: string
  state?: ContainerState
}

interface PodSpec {
  nodeName?: string
  nodeSelector?: Record<string, string>
  restartPolicy?: 'Never'
  runtimeClassName?: string
  hostname?: string
  hostNetwork?: boolean
  hostPID?: boolean
  hostIPC?: boolean
  automountServiceAccountToken?: boolean
  enableServiceLinks?: boolean
  terminationGracePeriodSeconds?: number
  activeDeadlineSeconds?: number
  affinity?: object
  initContainers?: PodContainer[]
  containers: PodContainer[]
  volumes?: Volume[]
  hostAliases?: { ip: string; hostnames: string[] }[]
  tolerations?: { key: string; operator: string; effect: string; tolerationSeconds: number }[]
  securityContext?: {
    seccompProfile?: { type: string; localhostProfile?: string }
    supplementalGroups?: number[]
    sysctls?: { name: string; value: string }[]
  }
}

export interface Pod {
  metadata?: ObjectMeta
  spec?: PodSpec
  status?: {
    phase?: string
    reason?: string
    message?: string
    podIP?: string
    conditions?: { type?: string; status?: string; message?: string }[]
    initContainerStatuses?: ContainerStatusOfPod[]
    containerStatuses?: ContainerStatusOfPod[]
  }
}

export interface Node {
  metadata?: ObjectMeta
  spec?: { unschedulable?: boolean }
  status?: { allocatable?: Record<string, string>; conditions?: { type?: string; status?: string }[] }
}

export interface Claim {
  metadata?: ObjectMeta
  spec?: { resources?: { requests?: Record<string, string> } }
  status?: { capacity?: Record<string, string> }
}

export interface ResourceQuota {
  metadata?: ObjectMeta
  spec?: { hard: Record<string, string> }
  status?: { hard?: Record<string, string> }
}

export interface Service {
  metadata: ObjectMeta
  spec: { clusterIP: 'None'; selector: Record<string, string>; publishNotReadyAddresses: boolean }
}
