# The gateway. `npm run images` makes the folder that this is built in: docker build dist/images/gateway
ARG BASE=node:24-bookworm-slim
FROM ${BASE}
COPY program /opt/cloister
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
# Nobody's: it reads its certificate and the network's description, and writes nothing.
USER 10001:10001
# 8443: clients. 9401: operators; publish it to nobody.
EXPOSE 8443 9401
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9401/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "/opt/cloister/gateway.js"]
CMD ["--network", "/etc/cloister/network.json", "--port", "8443", "--key", "/run/secrets/key.pem", \
     "--cert", "/run/secrets/cert.pem", "--metrics", "0.0.0.0:9401"]
