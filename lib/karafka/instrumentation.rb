# frozen_string_literal: true

require_relative "instrumentation/notifications"
require_relative "instrumentation/monitor"
require_relative "instrumentation/error_report"
require_relative "instrumentation/logger"
require_relative "instrumentation/error_texts"
require_relative "instrumentation/logger_listener"
require_relative "instrumentation/critical_errors_listener"
require_relative "instrumentation/assignments_tracker"
require_relative "instrumentation/insights_tracker"
require_relative "instrumentation/proctitle_listener"
