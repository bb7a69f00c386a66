# A worker's agent, and the command line. `npm run images` makes the folder that this is built in:
# docker build dist/images/agent
#
# It drives the machine's own Docker or Podman through its socket (`executor: { engine: docker }`), in the
# network of the machine. ops/compose.agent.yaml says what it is given and why.
ARG BASE=node:24-bookworm-slim
FROM ${BASE}
# nft filters what containers reach; perl runs the helpers beside it. None where BASE has them already.
ARG PACKAGES="nftables iproute2 perl ca-certificates"
RUN if [ -n "$PACKAGES" ]; then apt-get update && apt-get install -y --no-install-recommends $PACKAGES \
  && rm -rf /var/lib/apt/lists/*; fi
COPY program /opt/cloister
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
# 7070: tenants and gateways. 9403: operators; publish it to nobody.
EXPOSE 7070 9403
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=120s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9403/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "/opt/cloister/cloister.js"]
CMD ["provider", "run", "--config", "/var/lib/cloister/provider.yaml", "--metrics", "127.0.0.1:9403"]
