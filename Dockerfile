# syntax=docker/dockerfile:1
# One node of Jiexi without a database of its own: it needs DATABASE_URL, and REDIS_URL for a shared cache.
#   docker build -t jiexi .
#   docker build -t jiexi --build-arg BASE=registry.example.com/node:24 .     any image with Node 20.19 or newer and npm
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# With optional packages: the compiler's own binary is one.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM ${BASE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Without optional packages: they are the embedded PostgreSQL, which has no place in production.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && npm cache clean --force

FROM ${BASE} AS node
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    JIEXI_DATA=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY migrations ./migrations
COPY proto ./proto
COPY src/demo/products.csv.gz src/demo/SOURCES.md ./src/demo/
COPY src/protocols/console/public ./src/protocols/console/public
COPY --from=build /app/dist ./dist
RUN install -d -o 1000 -g 1000 /data
# By number, so that an orchestrator can see that it is not root.
USER 1000:1000
EXPOSE 8080 2641/tcp 2641/udp 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/readyz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
CMD ["node", "--enable-source-maps", "dist/main.js"]
