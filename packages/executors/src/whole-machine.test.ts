// Tests that look at the whole machine: every network filter, mount, process and container on it. They are
// one file so that none of them runs beside another; `-t` picks some.
import { describeSent } from './testing/sent-contract.ts'
import './whole-machine/escapes.ts'
import './whole-machine/executors.ts'
import './whole-machine/specs.ts'

describeSent('docker')
