# frozen_string_literal: true

require_relative "karafka"

# For a load balancer: a process that can't consume should not be kept. GET /karafka/status
use Karafka::Embedded::Health, path: "/karafka"
run Shop::Web.new
