/** `edgeban dashboard` with a page of the test's: serve.ts PAGE ARGUMENT… */
import { processTerminal } from '../../host-agent/cli/terminal.ts';
import { runDashboard } from '../../host-agent/dashboard/main.ts';
import { dashboardPage } from '../../host-agent/dashboard-page.ts';
import { diskFiles } from '../../host-agent/system/config-files.ts';
import { readServerConf } from '../../shared/config/server-conf.ts';

const [page, ...argv] = process.argv.slice(2);
const ports = {
  version: '1.2.3',
  serverSettings: async (configDir: string) => {
    const { server } = readServerConf(diskFiles, configDir);
    return { ...server, dbfile: server.dbfile ?? 'None' };
  },
};
process.exitCode = await runDashboard(argv, ports, () => dashboardPage(page), processTerminal());
