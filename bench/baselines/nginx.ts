/** Baseline `nginx`: one worker that sends the body of the first recorded answer as a static file, whatever is asked. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { startExternalServer } from './external-server.js'
import { firstAnswerOf, parseAnswer } from './recording.js'
import type { BaselineServer } from './run.js'

/** @throws Error when it is not on PATH */
export async function startNginx(scratchFolder: string, core: number | undefined): Promise<BaselineServer> {
  const folder = path.join(scratchFolder, 'nginx')
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'answer'), '')
  const template = path.join(folder, 'template.conf')
  writeFileSync(template, configuration(folder))
  const server = await startExternalServer({
    name: 'nginx file',
    // The port is known only when the command runs.
    command: `sed s/PORT/{port}/ ${template} > ${folder}/nginx.conf && exec nginx -c ${folder}/nginx.conf`,
    core,
  })
  return {
    ...server,
    load: async (file) =>
      writeFileSync(path.join(folder, 'answer'), parseAnswer(firstAnswerOf(readFileSync(file))).body),
  }
}

function configuration(folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (of) => `  ${of}_temp_path ${folder}/${of};`,
  )
  return `
# Its worker must be able to read the scratch folder.
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr;
events { worker_connections 2048; }
http {
${temporary.join('\n')}
  access_log off;
  default_type application/json;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  open_file_cache max=16;
  open_file_cache_valid 1s;
  server {
    listen 127.0.0.1:PORT;
    root ${folder};
    location / { try_files /answer =404; }
  }
}
`
}
