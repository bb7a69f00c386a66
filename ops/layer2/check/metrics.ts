import type { Finding } from './facts.ts'

/** Findings as Prometheus' text format, for node_exporter's textfile collector. */
export function metricsOf(facts: number, findings: readonly Finding[]): string {
  const label = (text: string) => text.replace(/[\\"\n]/g, ' ')
  return [
    '# HELP cloister_layer2_facts What was looked at.',
    '# TYPE cloister_layer2_facts gauge',
    `cloister_layer2_facts ${facts}`,
    '# HELP cloister_layer2_findings What does not hold.',
    '# TYPE cloister_layer2_findings gauge',
    `cloister_layer2_findings ${findings.length}`,
    '# HELP cloister_layer2_wrong A fact that does not hold.',
    '# TYPE cloister_layer2_wrong gauge',
    ...findings.map(({ what }) => `cloister_layer2_wrong{what="${label(what)}"} 1`),
    '',
  ].join('\n')
}
