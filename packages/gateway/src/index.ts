export { type GatewaySettings, startGateway } from './gateway.ts'
