export {
  type DomainSettings,
  type GatewaySettings,
  type RunningGateway,
  startGateway,
} from './gateway.ts'
