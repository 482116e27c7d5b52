# frozen_string_literal: true

# Figures are of use only from a release build.
namespace :bench do
  %w[throughput latency isolation lifecycle memory host stall].each do |bench|
    desc "Measure #{bench}"
    task(bench => :compile) { sh "bin/bench", bench }
  end
end
