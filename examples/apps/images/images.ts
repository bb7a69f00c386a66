import type { DebianImage } from './debian.ts'

const START_POSTGRESQL = `#!/bin/sh -e
# As the usual image behaves: a first start makes the database that the environment names.
data=/var/lib/postgresql/data
bin=/usr/lib/postgresql/15/bin
mkdir -p $data /var/run/postgresql
chown -R postgres:postgres $data /var/run/postgresql
as() { setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; }
if [ ! -s $data/PG_VERSION ]; then
  echo "$POSTGRES_PASSWORD" > /tmp/password
  chown postgres /tmp/password
  as $bin/initdb -D $data -U "$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 \\
    --auth-local=trust --no-locale -E UTF8 > /dev/null
  rm /tmp/password
  echo "create database \\"$POSTGRES_DB\\"" | as $bin/postgres --single -D $data -j postgres > /dev/null
  echo 'host all all all scram-sha-256' >> $data/pg_hba.conf
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups -- $bin/postgres -D $data -h '*' -c jit=off
`

const START_MARIADB = `#!/bin/sh -e
data=/var/lib/mysql
mkdir -p $data /run/mysqld
chown -R mysql:mysql $data /run/mysqld
if [ ! -d $data/mysql ]; then
  mariadb-install-db --user=mysql --datadir=$data --skip-test-db --auth-root-authentication-method=socket > /dev/null
  cat > /tmp/first.sql <<END
create database $MARIADB_DATABASE;
create user '$MARIADB_USER'@'%' identified by '$MARIADB_PASSWORD';
grant all on $MARIADB_DATABASE.* to '$MARIADB_USER'@'%';
END
  chown mysql /tmp/first.sql
  exec mariadbd --user=mysql --datadir=$data --init-file=/tmp/first.sql
fi
exec mariadbd --user=mysql --datadir=$data
`

const GIT_CGI = `server.modules = ("mod_cgi", "mod_alias", "mod_setenv")
server.document-root = "/var/empty"
server.port = 8080
server.errorlog = "/dev/stderr"
alias.url = ("/git" => "/usr/lib/git-core/git-http-backend")
$HTTP["url"] =~ "^/git" {
  cgi.assign = ("" => "")
  setenv.add-environment = ("GIT_PROJECT_ROOT" => "/srv/git", "GIT_HTTP_EXPORT_ALL" => "")
}
`

const START_GIT = `#!/bin/sh -e
mkdir -p /var/empty
if [ ! -d /srv/git/app.git ]; then
  git init -q --bare -b main /srv/git/app.git
  git -C /srv/git/app.git config http.receivepack true
fi
exec lighttpd -D -f /etc/lighttpd/git.conf
`

const PYTHON = ['python3', 'python3-redis', 'python3-pymysql', 'python3-pymemcache', 'python3-aiosmtpd']

/** Images of the example apps, by the name of their folder in `examples/apps/.images`. */
export const IMAGES: Record<string, DebianImage> = {
  postgresql: {
    packages: ['postgresql-15'],
    without: [
      'libllvm14',
      'libz3-4',
      'perl',
      'perl-modules-5.36',
      'libperl5.36',
      'postgresql-common',
      'systemd',
    ],
    files: { '/usr/local/bin/start': START_POSTGRESQL },
    command: ['start'],
    env: { PATH: '/usr/local/bin:/usr/lib/postgresql/15/bin:/usr/bin:/bin:/usr/sbin:/sbin' },
    stopSignal: 'SIGINT',
  },
  nginx: { packages: ['nginx-light'], command: ['nginx', '-g', 'daemon off;'], stopSignal: 'SIGQUIT' },
  node: {
    packages: ['nodejs', 'node-pg', 'esbuild'],
    command: ['node'],
    env: { NODE_PATH: '/usr/share/nodejs' },
  },
  python: { packages: PYTHON, command: ['python3'], env: { PYTHONUNBUFFERED: '1' } },
  redis: { packages: ['redis-server'], command: ['redis-server', '--protected-mode', 'no'] },
  mariadb: {
    packages: ['mariadb-server-core', 'mariadb-client-core', 'gawk'],
    files: { '/usr/local/bin/start': START_MARIADB },
    command: ['start'],
  },
  memcached: { packages: ['memcached'], command: ['memcached', '-u', 'memcache'] },
  mosquitto: { packages: ['mosquitto'], command: ['mosquitto', '-c', '/etc/mosquitto/app.conf'] },
  prometheus: {
    packages: ['prometheus'],
    command: ['prometheus', '--config.file=/etc/prometheus/app.yml', '--storage.tsdb.path=/data'],
  },
  teeworlds: { packages: ['teeworlds-server'], command: ['/usr/games/teeworlds-server'] },
  git: {
    packages: ['git', 'lighttpd'],
    files: { '/usr/local/bin/start': START_GIT, '/etc/lighttpd/git.conf': GIT_CGI },
    command: ['start'],
  },
  fossil: { packages: ['fossil'], command: ['fossil'] },
  ngircd: { packages: ['ngircd'], command: ['ngircd', '-n', '-f', '/etc/ngircd/app.conf'] },
  haproxy: { packages: ['haproxy'], command: ['haproxy', '-f', '/etc/haproxy/app.cfg'] },
  dnsmasq: { packages: ['dnsmasq-base'], command: ['dnsmasq', '-k', '-C', '/etc/dnsmasq-app.conf'] },
}
