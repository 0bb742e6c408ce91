# Built from the lock file; what only builds and tests need stays behind. So does the embedded Postgres
# (--omit=optional): a container has a database beside it.
FROM node:24-slim AS manifest
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM manifest AS build
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM manifest AS modules
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json ./
COPY migrations migrations
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/dist dist
# The image's user `node`, by number: Kubernetes cannot tell from a name that it is not root.
USER 1000:1000
ENTRYPOINT ["node", "--max-semi-space-size=2", "--max-old-space-size=512", "dist/main.js"]
CMD ["sync"]
