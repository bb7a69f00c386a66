# The indexer, for PostgreSQL. `npm run images` makes the folder that this is built in:
# docker build dist/images/indexer
ARG BASE=node:24-bookworm-slim
FROM ${BASE}
COPY program /opt/cloister
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
# Nobody's: all it keeps is in PostgreSQL. CLOISTER_DATABASE says where that is.
USER 10001:10001
# 7080: queries. 9402: operators; publish it to nobody.
EXPOSE 7080 9402
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9402/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "/opt/cloister/indexer.js"]
CMD ["--network", "/etc/cloister/network.json", "--host", "0.0.0.0", "--port", "7080", \
     "--metrics", "0.0.0.0:9402"]
