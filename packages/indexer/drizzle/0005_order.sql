DROP INDEX "lease_tenant";--> statement-breakpoint
DROP INDEX "lease_worker";--> statement-breakpoint
DROP INDEX "lease_provider";--> statement-breakpoint
DROP INDEX "payment_account";--> statement-breakpoint
CREATE INDEX "lease_token" ON "lease" USING btree ("token","opened_block","opened_log_index");--> statement-breakpoint
CREATE INDEX "lease_open" ON "lease" USING btree ("opened_block","opened_log_index") WHERE open;--> statement-breakpoint
CREATE INDEX "payment_token" ON "payment" USING btree ("token","block","log_index","part");--> statement-breakpoint
CREATE INDEX "payment_kind" ON "payment" USING btree ("kind","block","log_index","part");--> statement-breakpoint
CREATE INDEX "lease_tenant" ON "lease" USING btree ("tenant","opened_block","opened_log_index");--> statement-breakpoint
CREATE INDEX "lease_worker" ON "lease" USING btree ("worker","opened_block","opened_log_index");--> statement-breakpoint
CREATE INDEX "lease_provider" ON "lease" USING btree ("provider","opened_block","opened_log_index");--> statement-breakpoint
CREATE INDEX "payment_account" ON "payment" USING btree ("account","block","log_index","part");