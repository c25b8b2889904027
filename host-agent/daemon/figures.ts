/** The daemon's figures, shown where the configuration says, and in a line to systemd. */
import type { ServerConf } from '../../shared/config/server-conf.ts';
import { describeError } from '../../shared/errors.ts';
import type { Agent } from '../agent/agent.ts';
import type { Log } from '../log/log.ts';
import { metricsText, type ProcessFigures, statusLine } from '../metrics/text.ts';
import type { Supervisor } from '../system/systemd.ts';

const status_every_ms = 30_000;

export async function openFigures(
  agent: Agent,
  settings: ServerConf['metrics'],
  supervisor: Supervisor,
  log: Log,
): Promise<{ close(): Promise<void> }> {
  const told = log.logger('server');
  const say = () => supervisor.status(statusLine(agent));
  say();
  const timer = setInterval(say, status_every_ms).unref();
  const exporter = await exporterFor(settings, {
    text: () => metricsText(agent, processFigures()),
    trouble: (error) => told.error(`${describeError(error)} (${error.code})`),
  });
  return {
    close: async () => {
      clearInterval(timer);
      await exporter?.close();
    },
  };
}

/** HTTP takes memory that a host without Prometheus does not need. */
async function exporterFor(settings: ServerConf['metrics'], parts: Parameters<Opener>[1]) {
  if (settings.listen === '' && settings.textfile === '') return null;
  const { openExporter } = await import('../metrics/exporter.ts');
  return await openExporter(settings, parts);
}

type Opener = typeof import('../metrics/exporter.ts').openExporter;

function processFigures(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  const started_at = Date.now() / 1000 - process.uptime();
  return { memory_bytes: process.memoryUsage.rss(), cpu_seconds: (user + system) / 1e6, started_at };
}
