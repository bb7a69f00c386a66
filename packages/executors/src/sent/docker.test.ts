import { describeSent } from '../testing/sent-contract.ts'

describeSent('docker')
